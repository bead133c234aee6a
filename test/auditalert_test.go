package test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// alertOf is an alert as its webhook reads it.
type alertOf struct {
	Type, Text string
	Data       struct {
		Alert  string
		Count  int
		Events []struct {
			Type, Outcome, Message string
			Objects                []struct{ Kind, Namespace, Name, File, Change string }
		}
	}
}

// alertReceiver keeps what webhooks are told, by their path.
type alertReceiver struct {
	*httptest.Server
	mu   sync.Mutex
	told map[string][]alertOf
}

func newAlertReceiver(t *testing.T) *alertReceiver {
	t.Helper()
	r := &alertReceiver{told: map[string][]alertOf{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(io.LimitReader(request.Body, 1<<20))
		var a alertOf
		if err != nil || json.Unmarshal(body, &a) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.told[request.URL.Path] = append(r.told[request.URL.Path], a)
	}))
	t.Cleanup(r.Close)
	return r
}

// tells reports whether a webhook was told of an event about an object.
func (r *alertReceiver) tells(path, kind, outcome, object string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.told[path] {
		for _, e := range a.Data.Events {
			for _, o := range e.Objects {
				if a.Type == "io.portreeve.alert" && e.Type == kind && e.Outcome == outcome && o.Kind+" "+o.Namespace+"/"+o.Name == object {
					return true
				}
			}
		}
	}
	return false
}

// hears reports whether any webhook was told of an event of a type.
func (r *alertReceiver) hears(kind string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, told := range r.told {
		for _, a := range told {
			for _, e := range a.Data.Events {
				if e.Type == kind {
					return true
				}
			}
		}
	}
	return false
}

// said is all that a webhook was told, as text.
func (r *alertReceiver) said(path string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	text, _ := json.Marshal(r.told[path])
	return string(text)
}

// TestTheExampleOfAlertsTellsWhoItConcerns holds that an edit that is refused is told with its object, also while it is
// served to nobody, and that a team is told of its own and reads nothing else.
func TestTheExampleOfAlertsTellsWhoItConcerns(t *testing.T) {
	receiver := newAlertReceiver(t)
	e := copied(t, "../examples/audit-alert")
	sinks := filepath.Join(t.TempDir(), "audit-sinks.conf")
	write(t, sinks, strings.ReplaceAll(readFile(t, "../examples/audit-alert/audit-sinks.conf"), "http://127.0.0.1:9000", receiver.URL))
	// What is read first of all is told as well, and what comes next of its kind waits for the interval.
	alerts := filepath.Join(e.dir, "alerts.yaml")
	write(t, alerts, strings.ReplaceAll(readFile(t, alerts), "groupInterval: 1m", "groupInterval: 1s"))
	startPlane(t, e.dir, "--audit-sinks", sinks)

	policy := filepath.Join(e.dir, "policy.yaml")
	good := readFile(t, policy)
	write(t, policy, strings.Replace(good, "action: DENY", "actoin: DENY", 1))
	eventually(t, "operators are told of the edit that is refused", func() bool {
		return receiver.tells("/ops", "generation.read", "refused", "AuthorizationPolicy istio-system/no-admin")
	})
	write(t, policy, good)
	own := "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: ours, namespace: shop}\nspec: {action: DENY, rules: [{to: [{operation: {paths: [/x]}}]}]}\n"
	write(t, filepath.Join(e.dir, "shop.yaml"), own)
	eventually(t, "the team is told of its own policy", func() bool {
		return receiver.tells("/shop", "generation.read", "success", "AuthorizationPolicy shop/ours")
	})
	if said := receiver.said("/shop"); strings.Contains(said, "no-admin") || strings.Contains(said, "policy.yaml") {
		t.Errorf("the team was told of others: %s", said)
	}
}
