package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/translate/explain/words"
	"github.com/portreeve/portreeve/xds/ack"
)

// TestColourIsForATerminalAlone runs the verbs on a pseudo-terminal of the system's script, where it has one, and on a pipe.
func TestColourIsForATerminalAlone(t *testing.T) {
	script, err := exec.LookPath("script")
	if err != nil {
		t.Skip("SKIPPED, NOT PASSED: there is no script(1) to run a terminal with")
	}
	dir := testedPolicy(t)
	write(t, dir+"/broken.yaml", strings.NewReplacer("action", "acton", "guard}", "broken}").Replace(denial))
	for name, c := range map[string]struct {
		line        string
		environment []string
		coloured    bool
	}{
		"findings":         {"validate " + dir, []string{"TERM=xterm", "NO_COLOR="}, true},
		"findings, a pipe": {"validate " + dir + " | cat", []string{"TERM=xterm", "NO_COLOR="}, false},
		"NO_COLOR":         {"validate " + dir, []string{"TERM=xterm", "NO_COLOR=1"}, false},
		"a dumb terminal":  {"validate " + dir, []string{"TERM=dumb", "NO_COLOR="}, false},
		"tests":            {"test " + dir + "/policy.yaml " + dir + "/policytest.yaml", []string{"TERM=xterm", "NO_COLOR="}, true},
		"JSON":             {"validate -o json " + dir, []string{"TERM=xterm", "NO_COLOR="}, false},
	} {
		t.Run(name, func(t *testing.T) {
			command := exec.CommandContext(t.Context(), script, "-qec", os.Args[0]+" "+c.line, os.DevNull)
			command.Env = append(append(os.Environ(), runAsProgram+"=1"), c.environment...)
			out, err := command.CombinedOutput()
			if !strings.Contains(string(out), "PR0203") && !strings.Contains(string(out), "FAIL") {
				t.Fatalf("%v: %s", err, out)
			}
			// Progress, on a busy machine, takes its line away by another sequence.
			if got := regexp.MustCompile(`\x1b\[[0-9;]*m`).Match(out); got != c.coloured {
				t.Errorf("in colour: %v:\n%q", got, out)
			}
		})
	}
}

// TestColumnsStayInPlaceInColour holds that what is coloured is as wide as it would be without.
func TestColumnsStayInPlaceInColour(t *testing.T) {
	for text, want := range map[string]string{
		outcomeText(string(audit.Refused), coloured):    "\x1b[1;31mrefused \x1b[0m",
		outcomeText(string(audit.Success), coloured):    "\x1b[1;32msuccess \x1b[0m",
		outcomeText(string(audit.Waiting), coloured):    "\x1b[1;33mwaiting \x1b[0m",
		outcomeText("\x1b[31mx", words.Plain):           outcomeText("\x1b[31mx", coloured),
		stateText(ack.Refused, coloured):                "\x1b[1;31mrefused  \x1b[0m",
		stateText(ack.Accepted, coloured):               "accepted ",
		outcomeText(string(audit.Refused), words.Plain): "refused ",
	} {
		if text != want {
			t.Errorf("%q, want %q", text, want)
		}
	}
}

func TestNothingIsColouredInABuffer(t *testing.T) {
	var out bytes.Buffer
	if got := paintFor(&out)(words.Bad, "x") + findingPaint(&out)("error", "x"); got != "xx" {
		t.Errorf("%q", got)
	}
}
