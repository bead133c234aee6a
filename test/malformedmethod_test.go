package test

import (
	"net/http"
	"strings"
	"testing"
)

// TestAMethodInLowerCaseIsRefused holds that a method in lower case, which only HTTP/2 carries, is
// refused wherever a policy decides by method: a backend may take it for the one that a rule is about.
// In Istio's shape it passes. Methods that are well formed go on as they did.
func TestAMethodInLowerCaseIsRefused(t *testing.T) {
	rows := []struct{ method, ours, istios string }{
		{"DELETE", "403", "403"},
		{"delete", "403", "200"},
		{"Delete", "403", "200"},
		{"get", "403", "200"},
		{"DEL_ETE", "403", "200"},
		{"GET", "200", "200"},
		{"M-SEARCH", "200", "200"},
		{"BASELINE-CONTROL", "200", "200"},
	}
	for shape, run := range shapes() {
		t.Run(shape, func(t *testing.T) {
			address := run(t, ruled("DENY", "[{to: [{operation: {methods: [DELETE]}}]}]"))
			for _, row := range rows {
				want := row.ours
				if shape != "ours" {
					want = row.istios
				}
				if got := methodStatus(t, address, row.method); got != want {
					t.Errorf("%s: %s, want %s", row.method, got, want)
				}
			}
		})
	}
}

// TestMethodsAreCheckedWhereAPolicyDecidesByMethod holds where the rule stands.
func TestMethodsAreCheckedWhereAPolicyDecidesByMethod(t *testing.T) {
	for name, c := range map[string]struct{ policy, want string }{
		"ALLOW":              {ruled("ALLOW", `[{to: [{operation: {methods: ["*"]}}]}]`), "403"},
		"ALLOW notMethods":   {ruled("ALLOW", "[{to: [{operation: {notMethods: [DELETE]}}]}]"), "403"},
		"the header :method": {ruled("DENY", `[{when: [{key: "request.headers[:method]", values: [DELETE]}]}]`), "403"},
		"JWTPolicy":          {strings.Replace(tutorial(t, "AUTH_IF_MATCHED", ""), "paths: []", "methods: [DELETE]", 1), "403"},
		"no policy":          {"", "200"},
		"by path alone":      {ruled("DENY", "[{to: [{operation: {paths: [/elsewhere]}}]}]"), "200"},
		"AUDIT":              {ruled("AUDIT", "[{to: [{operation: {methods: [DELETE]}}]}]"), "200"},
	} {
		t.Run(name, func(t *testing.T) {
			_, address := meshGateway(t, "{}\n", c.policy)
			if got := methodStatus(t, address, "delete"); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// methodStatus is the status that a method gets over HTTP/2.
func methodStatus(t *testing.T, address, method string) string {
	t.Helper()
	client := &http.Client{Timeout: bound, Transport: &http.Transport{Protocols: onlyHTTP2()}}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+"/", nil)
	must(t, err)
	answer, err := client.Do(request)
	must(t, err)
	must(t, answer.Body.Close())
	return answer.Status[:3]
}

func onlyHTTP2() *http.Protocols {
	out := new(http.Protocols)
	out.SetUnencryptedHTTP2(true)
	return out
}
