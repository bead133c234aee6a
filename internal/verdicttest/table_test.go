package verdicttest

import (
	"strings"
	"testing"
	"testing/fstest"
)

const oneRequest = `
requests:
- {name: plain, url: "http://host/"}
- {name: other, url: "http://host/"}
groups: {all: [plain, other]}
`

func load(verdicts string) error {
	_, err := Load(fstest.MapFS{
		"requests.yaml": {Data: []byte(oneRequest)},
		"family.yaml":   {Data: []byte("policies:\n- name: p\n" + verdicts)},
	})
	return err
}

// TestTablesAreComplete holds that a table cannot leave a verdict open or give two.
func TestTablesAreComplete(t *testing.T) {
	for name, c := range map[string]struct{ verdicts, want string }{
		"complete":             {"  verdicts: {200: [all, -other], 403: [other]}", ""},
		"a status with a body": {"  verdicts: {200: [plain], 401 Jwt is missing: [other]}", ""},
		"no verdict":           {"  verdicts: {200: [plain]}", "request other has no verdict"},
		"two verdicts":         {"  verdicts: {200: [all], 403: [other]}", "request other has two verdicts"},
		"unknown request":      {"  verdicts: {200: [all], 403: [another]}", "there is no request another"},
		"nothing to take away": {"  verdicts: {200: [plain, -other], 403: [other]}", "takes away other, which is not there"},
		"no refusal":           {"  verdicts: {200: [plain], 401: [other]}", "request other does not say with which body it is refused"},
		"unknown status":       {"  verdicts: {200: [plain], 500: [other]}", "500: want 200, 401, 403 or a status and a body"},
		"unknown field":        {"  verdict: {200: [all]}", "field verdict not found"},
		"backend unreached":    {"  verdicts: {200: [plain], 403: [other]}\n  backend: {x: {other: y}}", "request other does not reach the backend"},
	} {
		t.Run(name, func(t *testing.T) {
			err := load(c.verdicts)
			if c.want == "" && err != nil {
				t.Fatal(err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
