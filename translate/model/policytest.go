package model

import (
	"slices"

	"github.com/portreeve/portreeve/translate/resource"
)

// TakeTests takes the PolicyTest objects out of the resources, and returns them and the others, each in
// their order. Nothing below sees them, so that no test can change what a gateway is served.
func TakeTests(resources []*resource.Resource) (tests, others []*resource.Resource) {
	isTest := func(r *resource.Resource) bool { return r.Kind == resource.PolicyTest }
	if !slices.ContainsFunc(resources, isTest) {
		return nil, resources
	}
	for _, r := range resources {
		if isTest(r) {
			tests = append(tests, r)
		} else {
			others = append(others, r)
		}
	}
	return tests, others
}
