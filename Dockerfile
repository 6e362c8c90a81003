ARG NODE_IMAGE=docker.io/library/node:24-bookworm-slim

FROM ${NODE_IMAGE} AS manifests
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY plugins/cognito-auth/package.json plugins/cognito-auth/
COPY web/package.json web/

# The packages of production. The image has its own Node, so the optional packages, which bring one, stay out.
# Behind a proxy that opens TLS: --secret id=npm_ca,src=<its certificate>.
FROM manifests AS dependencies
RUN --mount=type=secret,id=npm_ca if [ -s /run/secrets/npm_ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/npm_ca; fi; \
    npm ci --omit=dev --omit=optional --workspaces=false --no-audit --cache /tmp/npm && rm -r /tmp/npm
# The manifest names only what the image holds, so that `npm sbom` and scanners list only that.
RUN npm pkg delete scripts devDependencies optionalDependencies workspaces overrides

# The JavaScript of the service and the pages.
FROM manifests AS build
RUN --mount=type=secret,id=npm_ca if [ -s /run/secrets/npm_ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/npm_ca; fi; \
    npm ci --no-audit --cache /tmp/npm && rm -r /tmp/npm
COPY tsconfig.json tsconfig.build.json ./
COPY migrations migrations
COPY plugins plugins
COPY routes routes
COPY src src
COPY web web
RUN npm run build

# The Cognito emulator, for development: docker build --target emulator
FROM manifests AS emulator
# The emulator is the only package of development here. The lock file gives its version.
RUN --mount=type=secret,id=npm_ca if [ -s /run/secrets/npm_ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/npm_ca; fi; \
    npm pkg set "dependencies.cognito-local=$(node -p "require('./package.json').devDependencies['cognito-local']")" && \
    npm pkg delete devDependencies && \
    npm install --omit=dev --omit=optional --workspaces=false --no-audit --cache /tmp/npm && rm -r /tmp/npm
COPY dev dev
COPY src/cognito/password-policy.ts src/cognito/
RUN mkdir /data && chown 1000:1000 /data
ENV HOST=0.0.0.0 PORT=9229 COGNITO_DATA=/data
USER 1000:1000
EXPOSE 9229
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dev/cognito.ts"]

FROM ${NODE_IMAGE} AS service
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=dependencies /app/package.json ./
COPY --from=build /app/dist ./
COPY --from=build /app/web/dist web/dist
RUN mkdir /data && chown 1000:1000 /data
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8000 DATABASE_URL=sqlite:/data/articles.db
USER 1000:1000
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/health/live').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ARG VERSION=unknown REVISION=unknown
LABEL org.opencontainers.image.title="cognito-articles" \
      org.opencontainers.image.description="Articles over Fastify, with AWS Cognito as the identity provider" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
CMD ["node", "src/server.js"]
