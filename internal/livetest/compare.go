package livetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/policytest"
)

// compare returns in what an answer is not as expected, and what of that cannot be seen from outside.
func compare(e policytest.Expectation, got answer) (faults, unseen []string) {
	if fault := verdict(e, got); fault != "" {
		faults = append(faults, fault)
	}
	if e.Status != 0 && int(e.Status) != got.status {
		faults = append(faults, fmt.Sprintf("status: expected %d, got %s", e.Status, statusText(got)))
	}
	if e.Body != "" && e.Body != got.body {
		faults = append(faults, fmt.Sprintf("body: expected %q, got %q", e.Body, cut(got.body)))
	}
	for _, name := range slices.Sorted(maps.Keys(e.Response)) {
		if value := got.header.Get(name); value != e.Response[name] {
			faults = append(faults, fmt.Sprintf("header %s of the answer: expected %q, got %q", name, e.Response[name], cut(value)))
		}
	}
	return faults, unseenOf(e)
}

// unseenOf names what of an expectation only the gateway knows.
func unseenOf(e policytest.Expectation) []string {
	var out []string
	for _, part := range []struct {
		name  string
		there bool
	}{
		{"rule", e.Rule != ""}, {"destination", e.Destination != ""}, {"details", e.Details != ""},
		{"headers", len(e.Headers) > 0}, {"absentHeaders", len(e.Absent) > 0},
	} {
		if part.there {
			out = append(out, part.name)
		}
	}
	return out
}

// verdict says in what the verdict differs; empty where it does not.
func verdict(e policytest.Expectation, got answer) string {
	seen := got.answer().Verdict
	switch {
	case e.Verdict == "" || e.Verdict == seen:
		return ""
	case seen == explain.Closed || seen == explain.Allowed || e.Verdict == explain.Closed || e.Verdict == explain.Allowed:
		return fmt.Sprintf("verdict: expected %s, got %s", e.Verdict, told(got))
	case e.Status != 0: // a refusal, or an answer, with a status of its own
		return ""
	default:
		return fmt.Sprintf("verdict: expected %s, got %s", e.Verdict, told(got))
	}
}

func told(got answer) string {
	switch {
	case got.closed:
		return "closed"
	case got.ofBackend():
		return fmt.Sprintf("status %d of a backend", got.status)
	default:
		return fmt.Sprintf("status %d of the gateway itself, %q", got.status, cut(got.body))
	}
}

func statusText(got answer) string {
	if got.closed {
		return "none: the connection was closed"
	}
	return fmt.Sprint(got.status)
}

// cut shortens what is shown of an answer. What a backend gives back of a token is not shown.
func cut(s string) string {
	const most = 200
	if i := strings.Index(s, "eyJ"); i >= 0 { // as the JSON of every token's header begins
		return s[:min(i, most)] + "… and what looks like a token"
	}
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
