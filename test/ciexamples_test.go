package test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// repository is a temporary repository of git with policy in it, and the program on the PATH.
type repository struct {
	dir string
	env []string
}

// newRepository has the policy of an example on main, committed.
func newRepository(t *testing.T) repository {
	t.Helper()
	path, err := program()
	must(t, err)
	bin := t.TempDir()
	must(t, os.Symlink(path, filepath.Join(bin, "portreeve")))
	r := repository{dir: t.TempDir()}
	r.env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
		"RUNNER_TEMP="+t.TempDir(), "GITHUB_STEP_SUMMARY="+filepath.Join(r.dir, "summary.md"), "BASE=main", "GORACE=atexit_sleep_ms=0 log_path="+filepath.Join(workshop, "race"))
	must(t, os.CopyFS(filepath.Join(r.dir, "policy"), os.DirFS("../examples/claims")))
	write(t, filepath.Join(r.dir, "access.log"), `[2026-01-01T00:00:00.000Z] "DELETE /orders/7 HTTP/1.1" 403 - rbac_access_denied_matched_policy[none] - "-" 0 19 0 - "-" "curl/8" "a1" "shop.example:8080" "-" - - 10.0.0.3:8080 10.0.0.4:5 - -`+"\n")
	if _, code := r.shell(t, "git init -q -b main && git add . && git commit -qm policy && git update-ref refs/remotes/origin/main main"); code != 0 {
		t.Skip("SKIPPED, NOT PASSED: there is no git")
	}
	return r
}

// shell runs a script in the repository as CI does, which ends with the first command that fails.
func (r repository) shell(t *testing.T, script string) (out string, code int) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "sh", "-e", "-c", script)
	c.Dir, c.Env, c.WaitDelay, c.SysProcAttr = r.dir, r.env, bound, diesWithTests()
	b, err := c.CombinedOutput()
	if err != nil && c.ProcessState == nil {
		t.Fatal(err)
	}
	return string(b), c.ProcessState.ExitCode()
}

// breakPolicy makes an error in a file of policy, or a warning.
func (r repository) breakPolicy(t *testing.T, old, now string) {
	t.Helper()
	path := filepath.Join(r.dir, "policy", "policy.yaml")
	text := readFile(t, path)
	if !strings.Contains(text, old) {
		t.Fatalf("the policy has no %q", old)
	}
	write(t, path, strings.Replace(text, old, now, 1))
}

// githubSteps are the scripts of the workflow by the names of their steps, without what installs the program.
func githubSteps(t *testing.T) map[string]string {
	t.Helper()
	var file struct {
		Jobs map[string]struct {
			Steps []struct{ Name, Run string }
		}
	}
	must(t, yaml.Unmarshal([]byte(readFile(t, "../examples/ci/github.yaml")), &file))
	out := map[string]string{}
	for _, s := range file.Jobs["policy"].Steps {
		if s.Run != "" && s.Name != "Install" {
			out[s.Name] = s.Run
		}
	}
	return out
}

// gitlabScripts are those of the file for GitLab, by the names of their jobs.
func gitlabScripts(t *testing.T) map[string]string {
	t.Helper()
	var file map[string]yaml.Node
	must(t, yaml.Unmarshal([]byte(readFile(t, "../examples/ci/gitlab.yaml")), &file))
	out := map[string]string{}
	for name, node := range file {
		var job struct{ Script []string }
		if node.Decode(&job) == nil && len(job.Script) > 0 {
			out[name] = strings.Join(job.Script, "\n")
		}
	}
	return out
}

// TestTheExamplesOfCIPassAndFail holds what each step of the examples does with policy that is in order, has a warning, has
// an error, and allows what a test says is denied.
func TestTheExamplesOfCIPassAndFail(t *testing.T) {
	github, gitlab := githubSteps(t), gitlabScripts(t)
	const scanning, replayed = "Findings for code scanning", "What other answers recorded requests would get"
	if len(github) != 4 || len(gitlab) != 2 {
		t.Fatalf("the examples have the steps %v and %v", github, gitlab)
	}
	for name, c := range map[string]struct {
		old, now string
		fail     []string
		says     map[string]string // what a step prints, or leaves in a file
	}{
		"in order":  {"", "", nil, map[string]string{scanning: `"results": []`, replayed: "1 request", "validate": "errors, 0 warnings", "test": "failures=\"0\""}},
		"a warning": {"  selector: {matchLabels: {istio: ingressgateway}}\n  action: ALLOW", "  selector: {}\n  action: ALLOW", []string{"Validate", "validate"}, map[string]string{"Validate": "::warning file=policy/policy.yaml,line=", scanning: `"ruleId": "PR0213"`}},
		"an error":  {"  action: ALLOW", "  acton: ALLOW", []string{"Validate", "validate", "Test", "test"}, map[string]string{"Validate": "::error file=policy/policy.yaml,line=", "validate": "<failure message=\"policy/policy.yaml:"}},
		"it allows": {"  action: ALLOW\n  rules:\n", "  action: ALLOW\n  rules:\n  - to: [{operation: {methods: [DELETE]}}]\n", []string{"Test", "test"}, map[string]string{replayed: "1 requests: 0 get another", "Test": "<failure"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRepository(t)
			if c.old != "" {
				r.breakPolicy(t, c.old, c.now)
			}
			for _, steps := range []map[string]string{github, gitlab} {
				for step, script := range steps {
					out, code := r.shell(t, script)
					if slices.Contains(c.fail, step) != (code != 0) {
						t.Errorf("%s: exit %d: %s", step, code, out)
					}
					for _, file := range []string{"portreeve.sarif", "validate.xml", "tests.xml", "replay.txt"} {
						if strings.Contains(script, file) {
							out += readFile(t, filepath.Join(r.dir, file))
						}
					}
					if !strings.Contains(out, c.says[step]) {
						t.Errorf("%s: nothing says %q:\n%s", step, c.says[step], out)
					}
					if step == scanning && !json.Valid([]byte(readFile(t, filepath.Join(r.dir, "portreeve.sarif")))) {
						t.Error("the findings for code scanning are no JSON")
					}
				}
			}
		})
	}
}

// TestTheHookJudgesWhatIsCommitted holds that the hook looks at what is staged, and not at what lies beside it.
func TestTheHookJudgesWhatIsCommitted(t *testing.T) {
	r := newRepository(t)
	hook, err := filepath.Abs("../examples/ci/pre-commit")
	must(t, err)
	commit := func(what string, want bool, script string) {
		t.Helper()
		if out, code := r.shell(t, script+" && git commit -qm change"); (code == 0) != want {
			t.Errorf("%s: exit %d: %s", what, code, out)
		}
	}
	r.shell(t, "mkdir -p .git/hooks && cp '"+hook+"' .git/hooks/pre-commit")
	commit("nothing of policy", true, "echo hello > README.md && git add README.md")
	good := readFile(t, filepath.Join(r.dir, "policy", "policy.yaml"))
	r.breakPolicy(t, "  action: ALLOW", "  acton: ALLOW")
	commit("an error that is not staged", true, "echo '# more' >> policy/gateway.yaml && git add policy/gateway.yaml")
	commit("an error", false, "git add policy")
	write(t, filepath.Join(r.dir, "policy", "policy.yaml"), good)
	commit("an error that is mended beside", false, "true")
	commit("what is mended", true, "echo '# more' >> policy/policy.yaml && git add policy")
}

// TestTheFilesForPreCommitNameCommandsThatThereAre runs what they name with the arguments of the example.
func TestTheFilesForPreCommitNameCommandsThatThereAre(t *testing.T) {
	type hook struct {
		ID, Entry string
		Args      []string
	}
	var hooks []hook
	var config struct{ Repos []struct{ Hooks []hook } }
	must(t, yaml.Unmarshal([]byte(readFile(t, "../.pre-commit-hooks.yaml")), &hooks))
	must(t, yaml.Unmarshal([]byte(readFile(t, "../examples/ci/pre-commit-config.yaml")), &config))
	r := newRepository(t)
	for _, used := range config.Repos[0].Hooks {
		i := slices.IndexFunc(hooks, func(h hook) bool { return h.ID == used.ID })
		if i < 0 {
			t.Errorf("there is no hook %s", used.ID)
			continue
		}
		for _, args := range [][]string{hooks[i].Args, used.Args} {
			if out, code := r.shell(t, hooks[i].Entry+" "+strings.Join(args, " ")); code != 0 {
				t.Errorf("%s: exit %d: %s", used.ID, code, out)
			}
		}
	}
}
