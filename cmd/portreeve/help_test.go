package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commands are all commands of the program but those that cobra makes.
func commands() (all []*cobra.Command) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Hidden {
			return
		}
		all = append(all, c)
		for _, member := range c.Commands() {
			visit(member)
		}
	}
	visit(command())
	return all
}

// ownFlags are the flags that a command registers itself.
func ownFlags(c *cobra.Command) (flags []*pflag.Flag) {
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" && f.Name != "version" {
			flags = append(flags, f)
		}
	})
	return flags
}

// TestEveryCommandShowsHowItIsUsed holds what --help must have: examples, what one line cannot say, and a group.
func TestEveryCommandShowsHowItIsUsed(t *testing.T) {
	const fewFlags = 2
	for _, c := range commands() {
		if n := len(examplesOf(c)); n == 0 || n > 4 {
			t.Errorf("%s has %d examples, want one to four", c.CommandPath(), n)
		}
		if c.Long == "" && len(ownFlags(c)) > fewFlags {
			t.Errorf("%s has %d flags and says in one line what it does", c.CommandPath(), len(ownFlags(c)))
		}
		if c.HasParent() && !c.Parent().HasParent() && c.GroupID == "" {
			t.Errorf("%s is in no group", c.CommandPath())
		}
	}
	help := command().Long
	for _, code := range []string{"\n  0  ", "\n  1  ", "\n  2  "} {
		if !strings.Contains(help, code) {
			t.Errorf("the help of portreeve lacks the exit code %q", code)
		}
	}
}

func examplesOf(c *cobra.Command) (lines []string) {
	for line := range strings.Lines(c.Example) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines
}

// TestEveryExampleOfTheHelpRuns runs each line of every example in a folder that has the files that it names.
func TestEveryExampleOfTheHelpRuns(t *testing.T) {
	// What has nobody to ask in a test, and how it says so.
	elsewhere := map[string]string{
		"portreeve explain --admin-address": "no gateway is connected",
		"portreeve status --admin-address":  "server gave HTTP response to HTTPS client",
		"portreeve ca revoke --serial":      "4f2a9c01",
	}
	prepared, plane := exampleFolder(t), runningPlane(t)
	for _, c := range commands() {
		for _, example := range examplesOf(c) {
			t.Run(strings.ReplaceAll(example, "/", "∕"), func(t *testing.T) {
				dir := t.TempDir()
				must(t, os.CopyFS(dir, os.DirFS(prepared)))
				t.Chdir(dir)
				if regexp.MustCompile(`\bca\b`).MatchString(example) {
					withAuthority(t)
				}
				line := strings.NewReplacer("127.0.0.1:18001", plane, "/var/lib/", dir+"/", "/var/log/", dir+"/", "/mnt/elsewhere/", dir+"/").Replace(example)
				words := exampleWords(t, line)
				want := ""
				for begin, says := range elsewhere {
					if strings.HasPrefix(example, begin) {
						want = says
					}
				}
				if words[0] == "serve" {
					serveExample(t, words)
					return
				}
				if words[0] == "status" && !strings.Contains(line, "--admin-address") {
					words = append(words, "--admin-address", plane)
				}
				var out, errs bytes.Buffer
				code := run(t.Context(), words, &out, &errs)
				if code == exitUsage != (want != "") || !strings.Contains(errs.String(), want) {
					t.Errorf("exit %d, want to read %q:\n%s%s", code, want, out.String(), errs.String())
				}
			})
		}
	}
}

// exampleWords are the arguments in a line of an example, without what a shell does with the output.
func exampleWords(t *testing.T, line string) []string {
	t.Helper()
	line, _, _ = strings.Cut(line, " > ")
	line, _, _ = strings.Cut(line, " | jq ")
	words := shellWords(line)
	if len(words) < 2 || words[0] != "portreeve" {
		t.Fatalf("%q is no call of portreeve", line)
	}
	return words[1:]
}

// exampleFolder is a folder with all that examples name.
func exampleFolder(t *testing.T) string {
	t.Helper()
	dir := newPolicyDir(t, map[string]string{
		"policy/shop.yaml": shop, "mesh.yaml": "rootNamespace: istio-system\n", "gateways.yaml": "apiVersion: portreeve.dev/v1alpha1\nkind: GatewayIdentity\nmetadata: {name: edge}\nspec: {principals: [spiffe://cluster.local/ns/istio-system/gateway/edge-1], namespace: istio-system}\n", "policy/tests.yaml": strings.ReplaceAll(shopTest, "NAME", "shop"), "policy-new/shop.yaml": strings.ReplaceAll(shop, "/public*", "/open*"),
		"access.log": logged, "access.log.gz": logged, "token.jwt": "e30.e30.e30", "admin.token": "alice.secret", "audit.head": "",
	})
	record, key := writtenRecord(t, 1)
	must(t, os.CopyFS(dir, os.DirFS(filepath.Dir(record))))
	must(t, os.CopyFS(filepath.Join(dir, "portreeve"), os.DirFS(filepath.Dir(record)))) // as /var/log/portreeve
	copyFile(t, filepath.Join(filepath.Dir(record), "audit.log.head"), filepath.Join(dir, "audit.log.head"))
	copyFile(t, key, filepath.Join(dir, "audit.pub"))
	return dir
}

// withAuthority makes the authority that examples name, where the test stands.
func withAuthority(t *testing.T) {
	t.Helper()
	for _, line := range []string{"ca init", "ca issue gateway edge-1"} {
		if code, _, errs := verb(t, strings.Fields(line)...); code != exitClean {
			t.Fatalf("%s: exit %d: %s", line, code, errs)
		}
	}
}

// shopTest is a PolicyTest of the shop.
const shopTest = `apiVersion: portreeve.dev/v1alpha1
kind: PolicyTest
metadata: {name: NAME, namespace: istio-system}
spec:
  tests:
  - name: the public part is open
    request: {url: "http://shop.example:8080/public"}
    expect: {verdict: allowed}
`

// heard is a log that is written and read at the same time; began is closed when it says where the plane serves.
type heard struct {
	mu    sync.Mutex
	text  bytes.Buffer
	began chan string
}

var served = regexp.MustCompile(`msg=serving .* admin=(\S+)|"msg":"serving".*"admin":"([^"]+)"`)

func (h *heard) Write(line []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if found := served.FindSubmatch(line); found != nil {
		h.began <- string(found[1]) + string(found[2])
	}
	return h.text.Write(line)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

// started starts a plane on ports that are free, and returns its admin address. It ends with the test.
func started(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	log, ended := &heard{began: make(chan string, 1)}, make(chan int, 1)
	go func() {
		ended <- run(ctx, append(args, "--xds-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"), log, log)
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case code := <-ended:
			if code != exitClean {
				t.Errorf("%v: exit %d: %s", args, code, log)
			}
		case <-time.After(time.Minute):
			t.Errorf("%v does not end: %s", args, log)
		}
	})
	select {
	case address := <-log.began:
		return address
	case <-time.After(time.Minute):
		t.Fatalf("%v does not serve: %s", args, log)
		return ""
	}
}

func runningPlane(t *testing.T) string {
	t.Helper()
	return started(t, "serve", "--config", newPolicyDir(t, map[string]string{"shop.yaml": shop}))
}

func serveExample(t *testing.T, words []string) {
	t.Helper()
	started(t, words...)
}

// TestAMisspeltCommandDoesNotPass holds that a check whose name is wrong is no check that passes, at any depth, and that
// what is missing is said with what to do.
func TestAMisspeltCommandDoesNotPass(t *testing.T) {
	for line, want := range map[string]string{
		"":                        "To begin: portreeve validate DIR",
		"validat policy":          "did you mean validate?",
		"hlep":                    "portreeve --help lists them",
		"audit":                   "name a command: portreeve audit list|show|verify",
		"audit verfiy audit.log":  "did you mean verify?",
		"audit verify":            "portreeve audit verify audit.log",
		"audit list":              "portreeve audit list audit.log",
		"audit show audit.log":    "portreeve audit show audit.log 42",
		"ca":                      "portreeve ca init|issue|list|renew|revoke",
		"ca issue":                "portreeve ca issue gateway|server",
		"ca issue gatway edge-1":  "did you mean gateway?",
		"render":                  "portreeve render envoy|istio",
		"render envoi policy":     "did you mean envoy?",
		"render envoy":            "name a file or directory of policy: portreeve render envoy policy",
		"test":                    "portreeve test policy",
		"serve policy":            "serve takes directories by a flag: portreeve serve --config policy",
		"replay access.log":       "the OLD and the NEW policy: portreeve replay access.log policy policy-new",
		"admin-token":             "portreeve admin-token alice",
		"validate --outptu json":  "did you mean --output?",
		"bootstrap --no-such-one": "portreeve bootstrap --help lists the flags",
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), strings.Fields(line), &out, &errs)
		if code != exitUsage || out.Len() > 0 || !strings.Contains(errs.String(), want) {
			t.Errorf("portreeve %s: exit %d, want %d and %q:\n%s%s", line, code, exitUsage, want, out.String(), errs.String())
		}
	}
}

// TestTheReadmeHasEveryVerb holds the table of verbs against the program.
func TestTheReadmeHasEveryVerb(t *testing.T) {
	readme := contentOf(t, "../../README.md")
	_, table, _ := strings.Cut(readme, "| verb | what it does |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for _, verb := range command().Commands() {
		named := regexp.MustCompile("(?m)^\\|[^|]*`" + regexp.QuoteMeta(verb.Name()) + "\\b[^|]*\\|")
		if verb.IsAvailableCommand() && !named.MatchString(table) {
			t.Errorf("README.md does not have %s", verb.Name())
		}
	}
}
