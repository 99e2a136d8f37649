# The control plane. Dependencies are installed in one stage, the second has only what runs.
FROM node:24.21.0-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# The image brings its own Node: the optional packages that carry one are left out.
RUN npm ci --omit=dev --omit=optional --no-fund --no-audit

FROM node:24.21.0-slim
# Connections over TLS are held in memory outside the heap. This allocator gives back what is freed; that of the C library keeps it.
RUN apt-get update && apt-get install --yes --no-install-recommends libjemalloc2 && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY proto ./proto
COPY discovery ./discovery
COPY ca ./ca
COPY agent ./agent
COPY server ./server
# What `/version` and `istioctl version` say beside the version: docker build --build-arg REVISION=… --build-arg STATUS=Clean
ARG REVISION=unknown
ARG STATUS=unknown
RUN printf '{"revision":"%s","status":"%s"}\n' "$REVISION" "$STATUS" > build-info.json
# What Node makes of the sources, made here once instead of at every start. Node keeps it by user: that of proxies' agents, and ours.
ENV NODE_COMPILE_CACHE=.cache/compile
RUN mkdir -p .cache && mkdir -m 1777 .cache/compile
USER 1337
RUN node server/main.ts --help > /dev/null && node --eval "import('./server/serve.ts')"
USER node
RUN node server/main.ts --help > /dev/null && node --eval "import('./server/serve.ts')"
ENV LD_PRELOAD=libjemalloc.so.2
# Pages are given back at once: a connection reserves far more than it uses, and would get what others have used and left.
ENV MALLOC_CONF=narenas:2,dirty_decay_ms:0,muzzy_decay_ms:0
EXPOSE 8080 15010 15012 15014 15017
ENTRYPOINT ["node", "server/main.ts"]
CMD ["serve"]
