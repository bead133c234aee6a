package words_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/explain/traffic"
	"github.com/portreeve/portreeve/translate/explain/words"
)

// TestNoAnswerControlsATerminal holds it of all that a page tells.
func TestNoAnswerControlsATerminal(t *testing.T) {
	const evil = "\x1b]0;x\a\u202e"
	at := &diag.Position{File: evil}
	page := words.Page{
		Asked: evil, Notes: []string{evil}, Policies: []words.Policy{{Object: evil, At: *at}, {Object: evil, WhyNot: evil}},
		Answer: explain.Answer{
			Verdict: explain.Denied, Reply: traffic.Reply{Status: 403, Body: evil, Details: evil, Headers: []traffic.Header{{Name: evil, Value: evil}}},
			Reasons:   []explain.Reason{{Finding: traffic.Finding{Filter: evil, Rule: evil, Wants: evil, Saw: evil}, If: "holds", At: at, ClauseAt: at}, {Finding: traffic.Finding{Filter: evil, Rule: evil, Wants: evil, Saw: evil}, If: "fails"}},
			DependsOn: []string{evil}, Ends: []explain.End{{If: evil, Reason: 0}, {Reason: -1}}, NotLookedAt: []string{evil}, NotHeard: evil,
			Destination: &explain.Destination{Listener: evil, Route: evil, Authority: evil, Path: "/" + evil, Clusters: []explain.WeightedCluster{{Name: evil}}, Headers: []traffic.Header{{Name: evil, Value: evil}}},
		},
	}
	var out strings.Builder
	if err := words.Write(&out, page, words.Plain); err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) }); i >= 0 {
		t.Errorf("it writes %q", out.String()[i:])
	}
}
