package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden transcripts")

// TestTheAnswersToWhatUsersAsk runs the command lines of each folder of testdata/pains, which holds what
// has hurt users of Istio; what is printed is want.txt. Add a folder with a file `command`, of one command
// line a line, and run with -update; then read the answer as one who asks.
func TestTheAnswersToWhatUsersAsk(t *testing.T) {
	commands, err := filepath.Glob("testdata/pains/*/command")
	if err != nil || len(commands) < 32 {
		t.Fatalf("%d folders of pains, want 32: %v", len(commands), err)
	}
	for _, command := range commands {
		t.Run(filepath.Base(filepath.Dir(command)), func(t *testing.T) { answered(t, filepath.Dir(command)) })
	}
}

// answered holds that the commands of a folder, run in it, print its want.txt.
func answered(t *testing.T, dir string) {
	t.Helper()
	t.Chdir(dir)
	got := transcript(t, contentOf(t, "command"))
	if *update {
		must(t, os.WriteFile("want.txt", []byte(got), 0o600))
	}
	if diff := cmp.Diff(contentOf(t, "want.txt"), got); diff != "" {
		t.Errorf("the answer is not that of want.txt; run with -update where it is better (-want +got):\n%s", diff)
	}
}

func contentOf(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	must(t, err)
	return string(content)
}

// transcript returns what a person sees who types the command lines.
func transcript(t *testing.T, commands string) string {
	t.Helper()
	var out bytes.Buffer
	for line := range strings.Lines(commands) {
		line = strings.TrimSuffix(line, "\n")
		if out.Len() > 0 {
			out.WriteString("\n")
		}
		fmt.Fprintf(&out, "$ portreeve %s\n", line)
		if code := run(t.Context(), shellWords(line), &out, &out); code != exitClean {
			fmt.Fprintf(&out, "exit %d\n", code)
		}
	}
	return out.String()
}

// shellWords splits a command line as a shell does that knows nothing but quotes.
func shellWords(line string) []string {
	var out []string
	var word strings.Builder
	quote := rune(0)
	for _, c := range line + " " {
		switch {
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case c == quote:
			quote = 0
		case quote == 0 && c == ' ':
			if word.Len() > 0 {
				out = append(out, word.String())
			}
			word.Reset()
		default:
			word.WriteRune(c)
		}
	}
	return out
}
