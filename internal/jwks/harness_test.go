package jwks_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/jwks"
	"github.com/portreeve/portreeve/translate/model"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bound is how long anything may take.
const bound = 20 * time.Second

// The public keys of tests, and the canonical sets of one.
const (
	keyA = `{"kid":"a","kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	keyB = `{"kid":"b","kty":"OKP","crv":"Ed25519","x":"JqhtbDGhCEu0ya1gbS9lIb5ZrTmXDLoLTpgMPiKdrVE"}`
)

func set(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

// issuer is a real server whose answers a test exchanges. Each request is told.
type issuer struct {
	*httptest.Server
	asked chan string
	mu    sync.Mutex
	pages map[string]http.HandlerFunc
}

func newIssuer(t *testing.T, start func(*httptest.Server)) *issuer {
	t.Helper()
	i := &issuer{asked: make(chan string, 10000), pages: map[string]http.HandlerFunc{}}
	i.Server = httptest.NewUnstartedServer(i)
	i.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	start(i.Server)
	t.Cleanup(func() {
		i.CloseClientConnections()
		i.Close()
	})
	return i
}

func plain(s *httptest.Server) { s.Start() }
func tls(s *httptest.Server)   { s.StartTLS() }

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	page := i.pages[r.URL.Path]
	i.mu.Unlock()
	i.asked <- r.URL.Path
	if page == nil {
		http.NotFound(w, r)
		return
	}
	page(w, r)
}

func (i *issuer) serve(path string, page http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.pages[path] = page
}

// body answers with a text.
func body(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(text)) }
}

// hang answers never, until the caller goes.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// gone drops the connection, as a server that is down.
func gone(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// drain forgets the requests so far and returns how many there were of a path.
func (i *issuer) drain(path string) int {
	n := 0
	for {
		select {
		case p := <-i.asked:
			if p == path {
				n++
			}
		default:
			return n
		}
	}
}

// await waits for a number of requests for a path.
func (i *issuer) await(t *testing.T, path string, n int) {
	t.Helper()
	deadline := time.After(bound)
	for n > 0 {
		select {
		case p := <-i.asked:
			if p == path {
				n--
			}
		case <-deadline:
			t.Fatalf("%d more requests for %s did not come", n, path)
		}
	}
}

// caFile writes the certificate of a TLS server.
func (i *issuer) caFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate().Raw})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// journal is a log whose lines a test can wait for.
type journal struct {
	slog.Handler
	mu    sync.Mutex
	text  strings.Builder
	lines chan string
}

func newJournal() *journal {
	j := &journal{lines: make(chan string, 10000)}
	j.Handler = slog.NewTextHandler(j, nil)
	return j
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines <- string(p)
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// await waits for a line that contains a text, and returns it.
func (j *journal) await(t *testing.T, text string) string {
	t.Helper()
	deadline := time.After(bound)
	for {
		select {
		case line := <-j.lines:
			if strings.Contains(line, text) {
				return line
			}
		case <-deadline:
			t.Fatalf("no line %q in the log:\n%s", text, j)
		}
	}
}

// fetcher is a Fetcher that runs.
type fetcher struct {
	*jwks.Fetcher
	log  *journal
	stop func()
}

// often are intervals for tests that need not wait.
func often() jwks.Options {
	return jwks.Options{Refresh: 20 * time.Millisecond, MinRefresh: 10 * time.Millisecond, FirstBackoff: 5 * time.Millisecond, MaxBackoff: 20 * time.Millisecond}
}

// seldom are intervals by which nothing is fetched a second time within a test.
func seldom() jwks.Options { return jwks.Options{FirstBackoff: time.Hour, MaxBackoff: time.Hour} }

func run(t *testing.T, o jwks.Options) *fetcher {
	t.Helper()
	log := newJournal()
	o.Logger = slog.New(log.Handler)
	f, err := jwks.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	out := &fetcher{Fetcher: f, log: log}
	out.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(bound):
			t.Error("Run does not end")
		}
	})
	t.Cleanup(out.stop)
	return out
}

// await waits until the keys are those, told by Changes alone.
func (f *fetcher) await(t *testing.T, want model.Keys) {
	t.Helper()
	deadline := time.After(bound)
	for {
		select {
		case <-f.Changes():
			if maps.Equal(f.Keys(), want) {
				return
			}
		case <-deadline:
			t.Fatalf("the keys did not become %v but are %v\n%s", want, f.Keys(), f.log)
		}
	}
}

// only returns the status of the one source.
func (f *fetcher) only(t *testing.T) jwks.SourceStatus {
	t.Helper()
	all := f.Status()
	if len(all) != 1 {
		t.Fatalf("%d sources, want 1: %+v", len(all), all)
	}
	return all[0]
}

func uri(address string) model.KeySource { return model.KeySource{URI: address} }

func requests(sources ...model.KeySource) []model.KeyRequest {
	var out []model.KeyRequest
	for _, s := range sources {
		out = append(out, model.KeyRequest{KeySource: s})
	}
	return out
}

// discovery is a discovery document.
func discovery(issuer, keys string) string {
	text, _ := json.Marshal(map[string]string{"issuer": issuer, "jwks_uri": keys})
	return string(text)
}
