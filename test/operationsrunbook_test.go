package test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// runbook returns the entries of docs/operations.md, by the alerts that they are about.
func runbook(t *testing.T) map[string]string {
	t.Helper()
	_, text, found := strings.Cut(readFile(t, "../docs/operations.md"), "\n## Runbook\n")
	if !found {
		t.Fatal("docs/operations.md has no runbook")
	}
	out := map[string]string{}
	for _, entry := range strings.Split(text, "\n### ")[1:] {
		alert, text, _ := strings.Cut(entry, "\n")
		out[alert] = text
	}
	return out
}

// TestEveryAlertHasItsEntryInTheRunbook holds that who is woken finds what to do, and that no entry is of an alert that does not exist.
func TestEveryAlertHasItsEntryInTheRunbook(t *testing.T) {
	want := []string{
		"EnvoyNotConnected", "EnvoyUnknownFields", "PortreeveCertificateExpiring", "PortreeveDown", "PortreeveEditSlow",
		"PortreeveGatewayRefusedConfig", "PortreeveGatewayWithoutPolicy", "PortreeveGatewaysGone", "PortreeveInputHeld", "PortreeveKeysStale",
		"PortreevePolicyRefused", "PortreeveRecordHoldsPolicy", "PortreeveRecordLost", "PortreeveStateNotWritten",
	}
	entries := runbook(t)
	var have []string
	for alert, text := range entries {
		have = append(have, alert)
		for _, part := range []string{"**Means**", "**Affected now**", "**Mend**", "**Over**"} {
			if strings.Count(text, part) != 1 {
				t.Errorf("%s: %s stands there %d times", alert, part, strings.Count(text, part))
			}
		}
		if !strings.Contains(text, "**Look**") && !strings.Contains(text, "```sh") {
			t.Errorf("%s: it does not say where to look", alert)
		}
	}
	slices.Sort(have)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("entries (-want +have):\n%s", diff)
	}
	for _, alert := range alerts(t) {
		if _, has := entries[alert]; !has {
			t.Errorf("the alert %s has no entry", alert)
		}
	}
}

// alerts returns the names of all that examples/monitoring alerts of.
func alerts(t *testing.T) (out []string) {
	t.Helper()
	for _, pattern := range []string{"../examples/monitoring/*.y*ml", "../examples/monitoring/*/*.y*ml"} {
		files, err := filepath.Glob(pattern)
		must(t, err)
		for _, file := range files {
			for _, found := range regexp.MustCompile(`(?m)^\s*(?:- )?alert: (\w+)$`).FindAllStringSubmatch(readFile(t, file), -1) {
				out = append(out, found[1])
			}
		}
	}
	return out
}
