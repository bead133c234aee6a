FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# What `portreeve version` prints; the repository's history is not in here to be asked.
ARG VERSION=unknown
ARG COMMIT=unknown
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$VERSION -X main.commit=$COMMIT" -o /out/portreeve ./cmd/portreeve
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /out/backend ./examples/jwt-gateway/backend
RUN mkdir -p /out/state && chown 65532:65532 /out/state

# The demo's backend.
FROM scratch AS backend
COPY --from=build /out/backend /backend
USER 65532:65532
ENTRYPOINT ["/backend"]

# The control plane.
FROM scratch AS portreeve
ARG VERSION=unknown
ARG COMMIT=unknown
LABEL org.opencontainers.image.version=$VERSION org.opencontainers.image.revision=$COMMIT
# The authorities that sign the certificates of issuers: without them no key is fetched over https.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/portreeve /portreeve
COPY --from=build --chown=65532:65532 /out/state /var/lib/portreeve
USER 65532:65532
ENTRYPOINT ["/portreeve"]
