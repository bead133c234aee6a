package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/ignore"
	"github.com/portreeve/portreeve/translate/source"
)

// piped runs a command line with a text on stdin.
func piped(t *testing.T, stdin io.Reader, args ...string) (out, errs string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	root := command()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	err = root.ExecuteContext(t.Context())
	return stdout.String(), stderr.String(), err
}

// TestStdinIsAFile holds that - is what is piped, one path among others, in every verb that compiles.
func TestStdinIsAFile(t *testing.T) {
	good := filepath.Join(newPolicyDir(t, map[string]string{"good.yaml": denial}), "good.yaml")
	broken := strings.Replace(denial, "action", "acton", 1)
	for name, c := range map[string]struct {
		stdin    string
		args     []string
		findings bool
		out, err string
	}{
		"in order":        {warned, []string{"validate", "--off", "PR0213", "-"}, false, "", "1 file, 1 object, 0 errors, 0 warnings, 1 off"},
		"beside others":   {denial, []string{"validate", good, "-"}, true, "-:3:18: error PR0901", "2 files, 2 objects"},
		"broken":          {broken, []string{"validate", "-"}, true, "-:6:3: error PR0203", ""},
		"empty":           {"", []string{"validate", "-"}, true, "-:1:1: error PR0103", ""},
		"too large":       {strings.Repeat("#", int(source.DefaultLimits().FileBytes)+1), []string{"validate", "-"}, true, "-: error PR0108", ""},
		"rendered":        {denial, []string{"render", "istio", "-"}, false, "name: guard", ""},
		"explained":       {denial, []string{"explain", "-", "--request", "GET http://a.example/"}, false, "GET http://a.example/", ""},
		"tested":          {denial, []string{"test", "-", "--allow-no-tests"}, false, "", ""},
		"not for serving": {denial, []string{"validate", "--list-codes", "-"}, false, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			out, errs, err := piped(t, strings.NewReader(c.stdin), c.args...)
			if name == "not for serving" {
				if err == nil {
					t.Error("--list-codes takes a path")
				}
				return
			}
			if errors.Is(err, errFindings) != c.findings || err != nil && !c.findings || !strings.Contains(out, c.out) || !strings.Contains(errs, c.err) {
				t.Errorf("%v:\n%s%s", err, out, errs)
			}
		})
	}
	if _, _, err := piped(t, strings.NewReader(denial), "validate", "-", "-"); err == nil || errors.Is(err, errFindings) {
		t.Errorf("stdin is read twice: %v", err)
	}
}

// TestWaitingForStdinEnds holds that the end of a command ends its waiting for what nobody types.
func TestWaitingForStdinEnds(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := readWithin(ctx, r, 10); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// warned is a policy with the warning PR0213, and one that it can be found beside.
const warned = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: istio-system}\nspec:\n  selector: {}\n  action: DENY\n  rules: [{from: [{source: {ipBlocks: [203.0.113.0/24]}}]}]\n"

// TestFlagsAndCommentsSayWhatFails holds exit codes and what is told of a warning.
func TestFlagsAndCommentsSayWhatFails(t *testing.T) {
	ignored := strings.Replace(warned, "  selector: {}", "  selector: {} # portreeve:ignore PR0213 because all of them", 1)
	for name, c := range map[string]struct {
		text      string
		args      []string
		code      int
		out, errs string
	}{
		"a warning":                  {warned, nil, exitClean, ": warning PR0213", "0 errors, 1 warning\n"},
		"that is fatal":              {warned, []string{"--fail-on", "warning"}, exitFindings, ": warning PR0213", "0 errors, 1 warning\n"},
		"that counts as an error":    {warned, []string{"--error", "PR0424,PR0213"}, exitFindings, ": error PR0213", "1 error, 0 warnings\n"},
		"that is off":                {warned, []string{"--fail-on", "warning", "--off", "PR0213"}, exitClean, "", "0 warnings, 1 off\n"},
		"ignored":                    {ignored, []string{"--fail-on", "warning"}, exitClean, "", "0 warnings, 1 ignored by comments\n"},
		"ignored, and an error":      {ignored, []string{"--error", "PR0213"}, exitFindings, ": error PR0213", "1 error, 1 warning\n"},
		"an error that is off":       {warned, []string{"--off", "PR0203"}, exitUsage, "", "no error can be switched off"},
		"a code that there is not":   {warned, []string{"--error", "PR9999"}, exitUsage, "", "no code of a finding"},
		"an unknown severity":        {warned, []string{"--fail-on", "info"}, exitUsage, "", `--fail-on "info": it is not one of error, warning`},
		"codes as SARIF":             {warned, []string{"--list-codes", "-o", "sarif"}, exitUsage, "", "no output format"},
		"for GitHub":                 {warned, []string{"-o", "github"}, exitClean, ",line=5,col=13,title=PR0213::", "1 warning\n"},
		"as JSON, without a summary": {ignored, []string{"-o", "json"}, exitClean, "[]\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := newPolicyDir(t, map[string]string{"a.yaml": c.text})
			args := append([]string{"validate"}, c.args...)
			if name != "codes as SARIF" {
				args = append(args, dir)
			}
			var out, errs bytes.Buffer
			if code := run(t.Context(), args, &out, &errs); code != c.code {
				t.Errorf("exit %d, want %d", code, c.code)
			}
			if !strings.Contains(out.String(), c.out) || c.out == "" && out.Len() > 0 || !strings.Contains(errs.String(), c.errs) || c.errs == "" && errs.Len() > 0 {
				t.Errorf("stdout:\n%s\nstderr:\n%s", &out, &errs)
			}
		})
	}
}

// TestNothingButACheckLooksAtComments holds that other verbs say and print the same with a comment.
func TestNothingButACheckLooksAtComments(t *testing.T) {
	said := func(comment string) string {
		dir := newPolicyDir(t, map[string]string{"a.yaml": strings.Replace(warned, "  selector: {}", "  selector: {} # "+comment, 1)})
		var out bytes.Buffer
		for _, verb := range [][]string{{"render", "istio"}, {"render", "envoy"}, {"explain", "--request", "GET http://a.example/a"}} {
			if code := run(t.Context(), append(verb, dir), &out, &out); code != exitClean {
				t.Errorf("%v: exit %d: %s", verb, code, &out)
			}
		}
		return strings.ReplaceAll(out.String(), dir, "")
	}
	plain, ignored := said("as it is"), said("portreeve:ignore PR0213 because all of them")
	if plain != ignored || !strings.Contains(plain, "PR0213") || strings.Contains(plain, "PR011") {
		t.Errorf("without:\n%s\nwith:\n%s", plain, ignored)
	}
}

// TestTheClosingLineSaysWhatWasNotRead holds which names of a directory are told.
func TestTheClosingLineSaysWhatWasNotRead(t *testing.T) {
	dir := newPolicyDir(t, map[string]string{
		"a.yaml": denial, "rules.txt": "", "b.yaml.bak": "", ".hidden.yaml": "", ".git/config.yaml": "", ".gitignore": "", "values.yaml": "", "charts/c.yaml": "", "notes.yaml": "a: 1\n",
		ignore.File: "values.yaml\n/charts/\n",
	})
	t.Chdir(dir)
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"validate", "--lenient", "."}, &out, &errs); code != exitClean {
		t.Errorf("exit %d: %s%s", code, &out, &errs)
	}
	const want = "1 file, 1 object, 0 errors, 1 warning; not read: .hidden.yaml, b.yaml.bak, charts/, rules.txt, values.yaml and 1 more\n"
	if _, got, _ := strings.Cut(errs.String(), "\n"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestFindingsForMachinesAreWhole holds that what is printed is one document, also where there is nothing to say.
func TestFindingsForMachinesAreWhole(t *testing.T) {
	for _, text := range []string{denial, warned, "a: [\n"} {
		dir := newPolicyDir(t, map[string]string{"a.yaml": text})
		for format, read := range map[string]func([]byte, any) error{"sarif": json.Unmarshal, "json": json.Unmarshal, "junit": func(b []byte, _ any) error { return xml.Unmarshal(b, new(struct{ XMLName xml.Name })) }} {
			var out, errs bytes.Buffer
			run(t.Context(), []string{"validate", "-o", format, dir}, &out, &errs)
			var value any
			if err := read(out.Bytes(), &value); err != nil {
				t.Errorf("%s: %v: %s", format, err, &out)
			}
		}
	}
}
