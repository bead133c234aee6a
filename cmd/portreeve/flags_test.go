package main

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// freeText are the flags whose values have no form: what is sent in a request, or stands in a token.
var freeText = []string{"request", "header", "claims", "assume", "details", "subject", "audience", "claim", "issuer-key"}

// valued are the flags of a command that take a value.
func valued(c *cobra.Command) []*pflag.Flag {
	return slices.DeleteFunc(ownFlags(c), func(f *pflag.Flag) bool { return f.Value.Type() == "bool" })
}

// TestEveryFlagHasAForm holds that no flag takes whatever it is given, but for those of free text.
func TestEveryFlagHasAForm(t *testing.T) {
	for _, c := range commands() {
		for _, f := range valued(c) {
			if free := slices.Contains(freeText, f.Name); hasForm(f) == free && !(f.Name == "subject" && c.Name() == "list") {
				t.Errorf("%s --%s: it has a form: %v, and is of free text: %v", c.CommandPath(), f.Name, hasForm(f), free)
			}
		}
	}
}

// TestAFlagOfFewWordsCompletesThem holds of each such flag that a shell is proposed its words and no files, that --help shows
// them, that they are taken, and that another one is refused with the nearest one.
func TestAFlagOfFewWordsCompletesThem(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range commands() {
		for _, f := range valued(c) {
			few := strings.Split(f.Value.Type(), "|")
			if len(few) < 2 || strings.ToUpper(few[0]) == few[0] {
				continue
			}
			seen[f.Name] = true
			path := strings.Fields(c.CommandPath())[1:]
			if got := completed(t, slices.Concat(path, []string{"--" + f.Name, ""})...); !slices.Equal(got, few) {
				t.Errorf("%s --%s: a shell is proposed %q, want %q", c.CommandPath(), f.Name, got, few)
			}
			for _, word := range few {
				if err := f.Value.Set(word); err != nil {
					t.Errorf("%s --%s %s: %v", c.CommandPath(), f.Name, word, err)
				}
			}
			misspelt := few[0] + "x"
			if err := f.Value.Set(misspelt); err == nil || !strings.Contains(err.Error(), "it is not one of "+strings.Join(few, ", ")+" (did you mean "+few[0]+"?)") {
				t.Errorf("%s --%s %s: %v", c.CommandPath(), f.Name, misspelt, err)
			}
		}
	}
	for _, name := range []string{"output", "shape", "secrets", "jwks-fetch", "log-format", "role", "ignore"} {
		if !seen[name] {
			t.Errorf("--%s is no flag of few words", name)
		}
	}
}

// completed is what a shell is proposed for the last word.
func completed(t *testing.T, words ...string) []string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), append([]string{"__complete"}, words...), &out, &errs); code != exitClean {
		t.Fatalf("%v: exit %d: %s", words, code, errs.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	return lines[:len(lines)-1] // the last says how they are taken
}

func TestCompletionProposesWhatFits(t *testing.T) {
	for line, want := range map[string]string{
		"explain --optimize off,":     "off,fold",
		"audit list x --outcome ":     "served",
		"serve --mesh-config ":        "yaml",
		"test ":                       "yaml",
		"explain --labels ":           "",
		"bootstrap --name ":           "",
		"version ":                    "",
		"ca issue gateway --owner ":   "",
		"serve --xds-tls-cert ":       "pem",
		"status --admin-address ":     "",
		"audit list x --outcome ref":  "refused",
		"admin-token alice --role op": "operator",
	} {
		got := completed(t, strings.Split(line, " ")...)
		if want == "" && len(got) > 0 || want != "" && !slices.Contains(got, want) {
			t.Errorf("%s: %q, want %q among it", line, got, want)
		}
	}
}

// TestNoFlagTakesWhatItCannotMean gives every flag values that nobody means. Each is refused, and the message names the flag, or
// the file that it leads to; or it is taken because it is a value of that flag. Nothing panics.
func TestNoFlagTakesWhatItCannotMean(t *testing.T) {
	dir := exampleFolder(t)
	t.Chdir(dir)
	withAuthority(t)
	ended, end := context.WithCancel(t.Context())
	end()                      // serve begins and ends
	known := map[string]bool{} // what a flag of the same name and form does in one verb it does in all
	for _, c := range commands() {
		for _, f := range valued(c) {
			if kind := f.Name + f.Value.Type(); known[kind] {
				continue
			} else {
				known[kind] = true
			}
			for _, value := range []string{"", "-1", "99999999999999999999", "a:b c", strings.Repeat("a", 5000) + "☃\x1b[31m"} {
				words, ctx := exampleWords(t, strings.ReplaceAll(examplesOf(c)[0], "/var/log/", "")), t.Context()
				if c.Name() == "serve" {
					words, ctx = append(words, "--xds-address=127.0.0.1:0", "--admin-address=127.0.0.1:0"), ended
				}
				var out, errs bytes.Buffer
				code := run(ctx, append(words, "--"+f.Name+"="+value), &out, &errs)
				said := errs.String()[strings.LastIndex(errs.String(), "portreeve: ")+1:]
				if code == exitUsage && !strings.Contains(said, "--"+f.Name) && (value == "" || !strings.Contains(said, filepath.Base(value))) {
					t.Errorf("%s --%s=%.20q: the message names neither the flag nor the value: %s", c.CommandPath(), f.Name, value, said)
				}
				if len(said) > 1000 && strings.HasPrefix(said, "ortreeve: --"+f.Name+` "`) {
					t.Errorf("%s --%s=%.20q: the message has %d bytes", c.CommandPath(), f.Name, value, len(said))
				}
				if value == "" && code != exitUsage && !slices.Contains(append(freeText, "labels", "run"), f.Name) {
					t.Errorf("%s --%s= is taken", c.CommandPath(), f.Name)
				}
			}
		}
	}
}

// TestNamesThatNobodyCouldHaveAreRefused holds for what a gateway is called, wherever it is named.
func TestNamesThatNobodyCouldHaveAreRefused(t *testing.T) {
	const long = "a123456789a123456789a123456789a123456789a123456789a123456789abcd"
	for line, want := range map[string]string{
		"bootstrap|--namespace|Foo Bar":                       `--namespace "Foo Bar": want lower-case letters, digits and -, at most 63 characters`,
		"bootstrap|--namespace|" + long:                       "at most 63 characters",
		"bootstrap|--name|Foo_Bar":                            `--name "Foo_Bar": want lower-case letters, digits, - and ., at most 253 characters`,
		"bootstrap|--labels|a b=c":                            `"a b" is not the key of a label`,
		"bootstrap|--labels|a=b c":                            `"b c" is not the value of a label`,
		"bootstrap|--labels|a":                                "--labels",
		"explain|policy|--namespace|A":                        "--namespace",
		"render|envoy|policy|--namespace|a.b":                 "--namespace",
		"serve|--config|policy|--root-namespace|A":            "--root-namespace",
		"ca|issue|gateway|Edge 1":                             "is not the name of a gateway",
		"ca|issue|gateway|edge-1|--namespace|Foo Bar":         "--namespace",
		"ca|renew|edge-1|--namespace|Foo Bar":                 "--namespace",
		"ca|revoke|edge-1|--namespace|Foo Bar":                "--namespace",
		"admin-token|a b":                                     "a token's name has up to 63 letters",
		"bootstrap|--xds-address|plane.example":               "want HOST:PORT, or unix:///PATH",
		"bootstrap|--xds-address|plane.example:0":             "want a number from 1 to 65535",
		"bootstrap|--xds-address|plane.example:xds":           "want a number from 1 to 65535",
		"serve|--config|policy|--xds-address|127.0.0.1:http2": "want a number from 0 to 65535",
		"serve|--config|policy|--admin-address|":              "--admin-address",
		"serve|--config|policy|--gateways|":                   "leave the flag out",
		"serve|--config|policy|--max-files|0":                 "want a whole number from 1",
		"serve|--config|policy|--audit-log-keep|-1":           "want a whole number from 0",
		"serve|--config|policy|--audit-log-keep-for|-1h":      "want 0s at least",
		"explain|policy|--port|0|--request|http://a/":         "want a whole number from 1 to 65535",
		"test|policy|--coverage-min|NaN":                      "want a percentage",
		"token|--expires|soon":                                "no duration",
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), strings.Split(line, "|"), &out, &errs); code != exitUsage || !strings.Contains(errs.String(), want) {
			t.Errorf("%s: exit %d, want to read %q: %s", line, code, want, errs.String())
		}
	}
}

// TestNoMessageRepeatsWhatMayBeASecret holds for flags of free text that cannot be read.
func TestNoMessageRepeatsWhatMayBeASecret(t *testing.T) {
	for _, words := range [][]string{
		{"token", "--claim", "hush"},
		{"test", "policy", "--issuer-key", "hush"},
		{"explain", "policy", "--request", "http://a/", "--claims", "hush"},
		{"explain", "policy", "--request", "http://a/", "-H", "hush"},
		{"explain", "policy", "--connection=hush", "--request", "http://a/"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), words, &out, &errs); code != exitUsage || strings.Contains(errs.String(), "hush") {
			t.Errorf("%v: exit %d: %s", words, code, errs.String())
		}
	}
}

func TestAFlagHoldsEachOfItsValues(t *testing.T) {
	var seen []string
	f := form{"X", func(text string) error {
		if seen = append(seen, text); text == "bad" {
			return errors.New("bad")
		}
		return nil
	}, nil}
	c := &cobra.Command{}
	several, list := c.Flags().StringArray("array", nil, ""), c.Flags().StringSlice("slice", nil, "")
	takes(c, "array", f)
	takes(c, "slice", f)
	if err := c.ParseFlags([]string{"--array", "a,b", "--array", "c", "--slice", "d,e", "--slice", "f"}); err != nil || !slices.Equal(seen, []string{"a,b", "c", "d", "e", "f"}) {
		t.Errorf("%v, seen %q", err, seen)
	}
	if !slices.Equal(*several, []string{"a,b", "c"}) || !slices.Equal(*list, []string{"d", "e", "f"}) {
		t.Errorf("taken: %q, %q", *several, *list)
	}
	if err := c.ParseFlags([]string{"--slice", "g,bad"}); err == nil || len(*list) != 3 {
		t.Errorf("%v: %q", err, *list)
	}
}
