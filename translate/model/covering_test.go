package model

import (
	"testing"

	securityv1beta1 "istio.io/api/security/v1beta1"
)

// TestCoveringEnds holds that nothing is said to be covered once as much was compared as may be.
func TestCoveringEnds(t *testing.T) {
	rule := &securityv1beta1.Rule{To: []*securityv1beta1.Rule_To{{Operation: &securityv1beta1.Operation{Paths: []string{"/a", "/b"}, NotPaths: []string{"/c"}}}}}
	wide := &securityv1beta1.Rule{To: []*securityv1beta1.Rule_To{{Operation: &securityv1beta1.Operation{Paths: []string{"/*"}, NotPaths: []string{"/d"}}}}}
	const needed = 2 + 1 + 2 // each path against /*, /d against /c, then each path against /d
	for left, want := range map[int]bool{needed: true, needed - 1: false, 0: false} {
		if got := (&covering{left}).rule(wide, rule); got != want {
			t.Errorf("with %d comparisons it is covered: %t, want %t", left, got, want)
		}
	}
}
