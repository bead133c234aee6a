package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestThePageOfTheCommandLineIsWhatTheProgramSays holds docs/cli.md against the program. Run with -update
// after an edit of a verb, a flag or a text of --help.
func TestThePageOfTheCommandLineIsWhatTheProgramSays(t *testing.T) {
	const page = "../../docs/cli.md"
	got := contentOf(t, filepath.Join(reference(t), "cli.md"))
	if *update {
		must(t, os.WriteFile(page, []byte(got), 0o644))
	}
	if diff := cmp.Diff(contentOf(t, page), got); diff != "" {
		t.Errorf("docs/cli.md is not what the program says; run with -update (-want +got):\n%s", diff)
	}
}

// TestEveryVerbHasAManualPage holds that packages have a page of each verb and completions of three shells,
// and that they are the same whenever they are made.
func TestEveryVerbHasAManualPage(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "86400")
	dir, again := reference(t), reference(t)
	names := []string{"cli.md", "completions/portreeve.bash", "completions/_portreeve", "completions/portreeve.fish", "man/portreeve.1"}
	for _, verb := range command().Commands() {
		if verb.IsAvailableCommand() {
			names = append(names, "man/portreeve-"+verb.Name()+".1")
		}
	}
	for _, name := range names {
		content := contentOf(t, filepath.Join(dir, name))
		if content == "" || content != contentOf(t, filepath.Join(again, name)) {
			t.Errorf("%s is empty or not the same the second time", name)
		}
	}
	if serve := contentOf(t, filepath.Join(dir, "man/portreeve-serve.1")); !strings.Contains(serve, "--state-dir") || !strings.Contains(serve, "Jan 1970") {
		t.Errorf("the page of serve has not its flags, or another date:\n%s", serve)
	}
	if page := contentOf(t, filepath.Join(dir, "cli.md")); strings.Contains(page, "portreeve reference") {
		t.Error("the hidden verb is shown")
	}
}

// reference has the program write what packages hold of the command line.
func reference(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if code := run(t.Context(), []string{"reference", dir}, t.Output(), t.Output()); code != exitClean {
		t.Fatalf("exit %d", code)
	}
	return dir
}
