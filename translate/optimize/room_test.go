package optimize_test

import (
	"fmt"
	"testing"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/optimize"
	"github.com/portreeve/portreeve/translate/policy"
)

// TestNoRuleIsSaidManyTimes holds that what is made of a rule grows as the rule does: not with the paths times the addresses in it,
// nor with these where the addresses are those that it is not about.
func TestNoRuleIsSaidManyTimes(t *testing.T) {
	for name, c := range map[string]struct {
		permissions []*rbacv3.Permission
		principals  []*rbacv3.Principal
		tree        bool
	}{
		"few of both":                      {permissionsAbout(1, 3), principalsAt(1, 3), true},
		"few of both, apart":               {permissionsAbout(3, 1), principalsAt(3, 1), true},
		"many paths":                       {permissionsAbout(1, 2000), principalsAt(1, 1), true},
		"many addresses":                   {permissionsAbout(1, 1), principalsAt(1, 2000), true},
		"many of both":                     {permissionsAbout(1, 300), principalsAt(1, 300), false},
		"many of both, in several parts":   {permissionsAbout(8, 100), principalsAt(8, 100), false},
		"many paths, of each of many":      {permissionsAbout(1, 2000), principalsAt(64, 1), false},
		"many paths, and not of some many": {permissionsAbout(1, 300), []*rbacv3.Principal{{Identifier: &rbacv3.Principal_NotId{NotId: principalsAt(1, 300)[0]}}}, false},
	} {
		p := denies(map[string]*rbacv3.Policy{"rule": {Permissions: c.permissions, Principals: c.principals}})
		o := everyForm()
		o.Rules = o.Rules[:len(o.Rules)-3] // indexes alone
		made := optimize.Policy(p, o, nil)
		if tree := len(made.HTTP) > 1; tree != c.tree {
			t.Errorf("%s: a tree is %v", name, tree)
		}
		if before, after := sizeOf(p), sizeOf(made); after > 20*before+8<<10 {
			t.Errorf("%s: %d bytes of %d", name, after, before)
		}
	}
}

func sizeOf(p policy.Policy) int {
	out := 0
	for _, f := range p.HTTP {
		out += proto.Size(f.Config)
	}
	return out
}

// permissionsAbout are permissions of which each is about some paths.
func permissionsAbout(permissions, paths int) []*rbacv3.Permission {
	var out []*rbacv3.Permission
	for i := range permissions {
		var values []string
		for j := range paths {
			values = append(values, fmt.Sprintf("/%d/%d", i, j))
		}
		out = append(out, andRules(pathsOf(true, values...)))
	}
	return out
}

// principalsAt are principals of which each is any of some addresses.
func principalsAt(principals, addresses int) []*rbacv3.Principal {
	var out []*rbacv3.Principal
	for i := range principals {
		var ids []*rbacv3.Principal
		for j := range addresses {
			block := match.CIDR(fmt.Sprintf("10.%d.%d.%d", i, j/256, j%256))
			ids = append(ids, &rbacv3.Principal{Identifier: &rbacv3.Principal_RemoteIp{RemoteIp: block}})
		}
		out = append(out, &rbacv3.Principal{Identifier: &rbacv3.Principal_OrIds{OrIds: &rbacv3.Principal_Set{Ids: ids}}})
	}
	return out
}
