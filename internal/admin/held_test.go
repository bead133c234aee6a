package admin

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/reload"
)

// TestReadinessSaysThatTheRecordHoldsPolicyBack holds with and without a policy that is served meanwhile.
func TestReadinessSaysThatTheRecordHoldsPolicyBack(t *testing.T) {
	held := &reload.HeldStatus{Generation: reload.Reading{Seq: 7, Hash: "abc"}, Reason: "the disk is full"}
	for name, c := range map[string]struct {
		status reload.Status
		want   int
	}{
		"served meanwhile": {reload.Status{Ready: true, HeldByRecord: held}, 200},
		"nothing is":       {reload.Status{HeldByRecord: held}, 503},
	} {
		w := httptest.NewRecorder()
		ready(w, c.status)
		if text := w.Body.String(); w.Code != c.want || !strings.Contains(text, "generation 7 (abc) is served to nobody: the record does not take it: the disk is full") || strings.Contains(text, "first time") {
			t.Errorf("%s: %d %s", name, w.Code, text)
		}
	}
}
