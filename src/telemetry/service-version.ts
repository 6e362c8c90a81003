/**
 * The version of the service in traces and in the log. A test holds it equal to package.json, which the image
 * does not have everywhere.
 */
export const serviceVersion = '0.1.0'
