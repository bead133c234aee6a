package resource

import (
	"maps"
	"regexp"
	"slices"

	"google.golang.org/protobuf/proto"

	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
	"github.com/portreeve/portreeve/translate/diag"
)

// testRule is what an expectation says of the object that decides.
var testRule = regexp.MustCompile(`^(?:([a-z0-9.-]+)/)?([a-z0-9.-]+)(?:\[([0-9]{1,6})\])?$`)

// verdicts are those that can be expected.
func verdicts() []string { return []string{"allowed", "denied", "answered", "closed"} }

func (c policyTestChecker) expectation(test Path, e *portreevev1alpha1.TestExpectation) {
	path := test.Field("expect")
	if proto.Size(e) == 0 {
		c.addMissing(diag.CodeTestMissing, c.deepest(test, "expect"), "%s expects nothing", test).WithHint("expect: {verdict: denied}")
		return
	}
	if v := e.GetVerdict(); v != "" && !slices.Contains(verdicts(), v) {
		c.add(diag.CodeTestValue, path.Field("verdict"), "%q is not a verdict", v).WithHint("%s", choice(v, verdicts()))
	}
	if s := e.GetStatus(); s != 0 && (s < 100 || s > 599) {
		c.add(diag.CodeTestValue, path.Field("status"), "%d is not a status", s).WithHint("100 to 599")
	}
	if r := e.GetRule(); r != "" && !testRule.MatchString(r) {
		c.add(diag.CodeTestValue, path.Field("rule"), "%q names no object", r).WithHint("name, namespace/name, namespace/name[0] for its first rule, or none")
	}
	c.expectedHeaders(path.Field("headers"), e.GetHeaders())
	c.expectedHeaders(path.Field("responseHeaders"), e.GetResponseHeaders())
	for i, name := range e.GetAbsentHeaders() {
		if !isHeaderKey(name) {
			c.add(diag.CodeHeaderName, path.Field("absentHeaders", i), "%q is not a header name", name).WithHint("letters, digits, - and _")
		}
	}
	if e.GetVerdict() == "allowed" && e.GetStatus() != 0 {
		c.add(diag.CodeTestValue, path.Field("status"), "the status of what is allowed is the backend's").WithHint("take it out")
	}
}

// expectedHeaders checks names and values; a value may stand for a token that the backend is handed.
func (c policyTestChecker) expectedHeaders(path Path, headers map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		at := path.Field(name)
		if !isHeaderKey(name) {
			c.add(diag.CodeHeaderName, at, "%q is not a header name", name).WithHint("letters, digits, - and _; :path and :authority are what the backend sees of these")
		}
		c.tokenReferences(at, headers[name])
	}
}
