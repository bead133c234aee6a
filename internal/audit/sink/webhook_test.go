package sink

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/audit"
)

// file writes a file of a test and returns its path.
func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// calling makes the deliverer of a webhook, at a fixed time.
func calling(t *testing.T, w Webhook) Deliverer {
	t.Helper()
	d, err := newWebhook(w, Options{Version: "1.2.3", Now: func() time.Time { return time.Unix(1_700_000_000, 0) }})
	must(t, err)
	t.Cleanup(func() { must(t, d.Close()) })
	return d
}

// TestASignatureIsThatOfTheDocumentation has values that openssl made:
// printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac KEY.
func TestASignatureIsThatOfTheDocumentation(t *testing.T) {
	const first, second = "9eb18f493f8ec135d9eb2dad817c369bb4e9cbfa818657897a7437c1cd8c3a23", "b32c46cc98bca64571d8fd1f15c9c2c492dd6883b977ebc5c859dd995d9d12ea"
	got := sign([][]byte{[]byte("0123456789abcdef"), []byte("fedcba9876543210")}, time.Unix(1_700_000_000, 0), []byte(`{"a":1}`))
	if want := "t=1700000000,v1=" + first + ",v1=" + second; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAnEventIsOneRequest(t *testing.T) {
	e := listening(t)
	d := calling(t, Webhook{URL: e.URL, HMACKeyFile: file(t, "# of today\n0123456789abcdef\n\nfedcba9876543210\n"), HeadersFile: file(t, "Authorization: Bearer abc\n")})
	line := made(7, 7)
	must(t, d.Deliver(t.Context(), line))
	if diff := cmp.Diff(string(line[0].Bytes), string(e.bodies[0])); diff != "" {
		t.Error(diff)
	}
	h := e.headers[0]
	for name, want := range map[string]string{
		"Content-Type": "application/cloudevents+json; charset=utf-8", "User-Agent": "portreeve/1.2.3", "Authorization": "Bearer abc",
		SignatureHeader: sign([][]byte{[]byte("0123456789abcdef"), []byte("fedcba9876543210")}, time.Unix(1_700_000_000, 0), e.bodies[0]),
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestManyEventsAreOneRequestInABatch(t *testing.T) {
	e := listening(t)
	d := calling(t, Webhook{URL: e.URL, Mode: ModeBatch})
	must(t, d.Deliver(t.Context(), made(1, 3)))
	var all []json.RawMessage
	must(t, json.Unmarshal(e.bodies[0], &all))
	if kind := e.headers[0].Get("Content-Type"); len(all) != 3 || kind != "application/cloudevents-batch+json; charset=utf-8" {
		t.Errorf("%d events of type %s", len(all), kind)
	}
	if signature := e.headers[0].Get(SignatureHeader); signature != "" {
		t.Errorf("without a key it is signed: %s", signature)
	}
}

// TestAnAnswerIsJudged holds what is tried again soon, what is a refusal of us, and what is one of the event.
func TestAnAnswerIsJudged(t *testing.T) {
	for code, want := range map[int]blame{301: ours, 307: ours, 400: theEvents, 401: ours, 404: ours, 408: nobodys, 410: ours, 413: theEvents, 422: theEvents, 429: nobodys, 500: nobodys, 503: nobodys} {
		e := listening(t)
		e.answering(func(w http.ResponseWriter) bool {
			w.Header().Set("Location", "/elsewhere")
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(code)
			return false
		})
		err := calling(t, Webhook{URL: e.URL}).Deliver(t.Context(), made(1, 1))
		if r, ok := err.(*refusal); !ok || r.blame != want || r.after != 7*time.Second { //nolint:errorlint // it is not wrapped
			t.Errorf("%d: %#v, want blame %d", code, err, want)
		}
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second, "Fri, 02 Jan 2026 03:00:00 GMT": 0, "-5": 0, "soon": 0} {
		if got := retryAfterOf(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// TestNoErrorShowsASecret holds for what stands in an address, in headers, and in answers.
func TestNoErrorShowsASecret(t *testing.T) {
	const secret = "hunter2hunter2hunter2"
	e := listening(t)
	e.answering(func(w http.ResponseWriter) bool {
		w.Header().Set("Location", "https://"+secret+".example.com/")
		w.WriteHeader(http.StatusFound)
		_, _ = w.Write([]byte(secret))
		return false
	})
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, base := range []string{e.URL, gone.URL, "http://127.0.0.1:1"} {
		to := strings.Replace(base, "http://", "http://user:"+secret+"@", 1) + "/" + secret + "?q=" + secret
		d := calling(t, Webhook{URLFile: file(t, to), HMACKeyFile: file(t, secret), HeadersFile: file(t, "X-Key: "+secret)})
		err := d.Deliver(t.Context(), made(1, 1))
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", base, err)
		}
	}
}

func TestAReceiverOfAnotherAuthorityGetsNothing(t *testing.T) {
	e := &endpoint{}
	e.Server = httptest.NewTLSServer(http.HandlerFunc(e.serve))
	t.Cleanup(e.Close)
	e.Config.ErrorLog = nil
	err := calling(t, Webhook{URL: e.URL}).Deliver(t.Context(), made(1, 1))
	if err == nil || !strings.Contains(err.Error(), "certificate signed by unknown authority") || len(e.numbers()) > 0 {
		t.Errorf("without its authority: %v", err)
	}
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.Certificate().Raw})
	must(t, calling(t, Webhook{URL: e.URL, TLS: TLSFiles{CAFile: file(t, string(authority))}}).Deliver(t.Context(), made(1, 1)))
}

// TestARealWebhookThatWasGone takes some seconds, by the first waits between tries.
func TestARealWebhookThatWasGone(t *testing.T) {
	e := listening(t)
	heard := &told{}
	s, err := Open(Options{Config: Config{Webhooks: []Webhook{{Name: "siem", URL: e.URL}}, Spool: DefaultBounds()}, Spool: t.TempDir(), Logger: quiet()})
	must(t, err)
	s.Start(heard.tell)
	defer closed(t, s)
	must(t, s.Take(t.Context(), made(1, 10)))
	eventually(t, "ten arrive", func() bool { return len(e.numbers()) == 10 })
	e.answering(func(w http.ResponseWriter) bool {
		panic(http.ErrAbortHandler) // cuts the connection
	})
	must(t, s.Take(t.Context(), made(11, 200)))
	eventually(t, "it counts as down", func() bool { return slices.Contains(heard.types(), "audit.sink.failed siem") })
	e.answering(nil)
	eventually(t, "all arrive", func() bool { return slices.Equal(once(e.numbers()), numbers(1, 200)) })
}

// TestOnlyWhatIsWantedIsTold holds for types, and for a webhook of alerts.
func TestOnlyWhatIsWantedIsTold(t *testing.T) {
	some, alerts := listening(t), listening(t)
	s, err := Open(Options{Logger: quiet(), Config: Config{Spool: DefaultBounds(), Webhooks: []Webhook{
		{Name: "some", URL: some.URL, Events: EventsAll, Types: []string{"generation.*", "plane.started"}},
		{Name: "alerts", URL: alerts.URL, Events: EventsAlerts},
	}}})
	must(t, err)
	s.Start(func(audit.Event) {})
	must(t, s.Take(t.Context(), []audit.Line{
		of(1, audit.PlaneStarted, "success", 1), of(2, audit.GenerationRead, "success", 1),
		of(3, audit.KeysRotated, "success", 1), of(4, audit.GenerationPublished, "served", 1),
	}))
	must(t, s.Send("alerts", of(9, "alert", "", 1).Bytes))
	eventually(t, "they arrive", func() bool { return len(some.numbers()) == 3 && len(alerts.numbers()) == 1 })
	if got := [][]int{some.numbers(), alerts.numbers()}; !slices.Equal(got[0], []int{1, 2, 4}) || !slices.Equal(got[1], []int{9}) {
		t.Errorf("got %v", got)
	}
	if err := s.Send("none", nil); err == nil {
		t.Error("an alert to a webhook that is not there is no error")
	}
	if got := s.Webhooks(); !slices.Equal(got, []string{"some", "alerts"}) {
		t.Errorf("webhooks: %v", got)
	}
	closed(t, s)
}

// refusing is a receiver that does not take some events, in batches too.
func refusing(which int, r *refusal) *receiver {
	return &receiver{fail: func(n int) error {
		if n == which {
			return r
		}
		return nil
	}}
}

// TestAnEventThatIsRefusedKeepsNoOthersForEver holds how long: shorter where it is refused for what it holds.
func TestAnEventThatIsRefusedKeepsNoOthersForEver(t *testing.T) {
	for name, c := range map[string]struct {
		r               *refusal
		before, further time.Duration
	}{
		"for what it holds": {&refusal{text: "400", blame: theEvents}, 5 * time.Minute, 25 * time.Minute},
		"as a client":       {&refusal{text: "401", blame: ours}, 23 * time.Hour, 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				heard, r := &told{}, refusing(7, c.r)
				s := having(t, "", DefaultBounds(), map[string]Deliverer{"siem": r})
				s.Start(heard.tell)
				defer closed(t, s)
				must(t, s.Take(t.Context(), made(1, 20)))
				time.Sleep(c.before) //nolint:forbidigo // the clock of synctest
				if got := once(r.numbers()); !slices.Equal(got, numbers(1, 6)) {
					t.Errorf("before: %v", got)
				}
				time.Sleep(c.further) //nolint:forbidigo // the clock of synctest
				if got := once(r.numbers()); !slices.Equal(got, slices.Concat(numbers(1, 6), numbers(8, 20))) {
					t.Errorf("after: %v", got)
				}
				heard.mu.Lock()
				defer heard.mu.Unlock()
				i := slices.IndexFunc(heard.events, func(e audit.Event) bool { return e.Type == audit.EventsLost })
				if i < 0 || heard.events[i].Details != (audit.Lost{Sink: "siem", Events: 1, From: 7, To: 7}) {
					t.Errorf("told: %v", heard.events)
				}
			})
		})
	}
}

// TestAReceiverIsLeftAloneAsLongAsItAsks holds up to the bound.
func TestAReceiverIsLeftAloneAsLongAsItAsks(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{30 * time.Second: 30 * time.Second, time.Hour: longestAsked} {
		synctest.Test(t, func(t *testing.T) {
			var tries []time.Time
			r := &receiver{fail: func(int) error {
				tries = append(tries, time.Now())
				return &refusal{text: "503", after: asked}
			}}
			s := having(t, "", DefaultBounds(), map[string]Deliverer{"siem": r})
			s.Start(func(audit.Event) {})
			must(t, s.Take(context.Background(), made(1, 1)))
			time.Sleep(want * 3) //nolint:forbidigo // the clock of synctest
			closed(t, s)
			if len(tries) < 2 {
				t.Fatalf("%d tries", len(tries))
			}
			if got := tries[1].Sub(tries[0]); got < want || got > want+want/10+time.Second {
				t.Errorf("asked for %v: tried again after %v", asked, got)
			}
		})
	}
}
