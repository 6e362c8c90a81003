ARG NODE_IMAGE=docker.io/library/node:24-bookworm-slim

FROM ${NODE_IMAGE} AS manifests
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY web/package.json web/

# Behind a proxy that opens TLS: --secret id=npm_ca,src=<its certificate>.
FROM manifests AS dependencies
RUN --mount=type=secret,id=npm_ca if [ -s /run/secrets/npm_ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/npm_ca; fi; \
    npm ci --omit=dev --workspaces=false --ignore-scripts --no-audit --cache /tmp/npm && rm -r /tmp/npm
# It names what is here and nothing else, so that npm sbom lists just that, and so do scanners.
RUN npm pkg delete devDependencies workspaces overrides

FROM manifests AS web
RUN --mount=type=secret,id=npm_ca if [ -s /run/secrets/npm_ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/npm_ca; fi; \
    npm ci --workspace=web --ignore-scripts --no-audit --cache /tmp/npm && rm -r /tmp/npm
COPY tsconfig.json ./
COPY src/client src/client
COPY web web
RUN node web/build.ts

# The Cognito emulator, for development: docker build --target emulator
FROM manifests AS emulator
# Of what development needs, only the emulator; the versions are the lock file's.
RUN --mount=type=secret,id=npm_ca if [ -s /run/secrets/npm_ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/npm_ca; fi; \
    npm pkg set "dependencies.cognito-local=$(node -p "require('./package.json').devDependencies['cognito-local']")" && \
    npm pkg delete devDependencies && \
    npm install --omit=dev --workspaces=false --ignore-scripts --no-audit --cache /tmp/npm && rm -r /tmp/npm
COPY dev dev
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
COPY migrations migrations
COPY plugins plugins
COPY routes routes
COPY src src
COPY --from=web /app/web/dist web/dist
RUN mkdir /data && chown 1000:1000 /data
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8000 DATABASE_URL=sqlite:/data/articles.db NODE_COMPILE_CACHE=/app/.cache
# Compiled once, here: a start takes a third less. The flags and the user have to be those of the start, for Node names the cache by them. The service
# may read it, and not write what it would run.
RUN mkdir .cache && chown 1000:1000 .cache && setpriv --reuid=1000 --regid=1000 --clear-groups \
    node --max-semi-space-size=8 --heap-growing-percent=20 --no-allocation-site-pretenuring --no-maglev --max-inlined-bytecode-size-cumulative=2000 --preserve-symlinks --import=./src/quick-imports.ts src/compile.ts && \
    chown -R 0:0 .cache && chmod -R a+rX .cache
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
CMD ["node", "--max-semi-space-size=8", "--heap-growing-percent=20", "--no-allocation-site-pretenuring", "--no-maglev", "--max-inlined-bytecode-size-cumulative=2000", "--preserve-symlinks", "--import=./src/quick-imports.ts", "src/server.ts"]
