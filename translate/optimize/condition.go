package optimize

import (
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
)

// condition is one thing that a rule asks: of what is asked for, or of who asks. One of the fields is there.
type condition struct {
	permission *rbacv3.Permission
	principal  *rbacv3.Principal
	// plainPath is the path, without parameters. It is no form of rules: see plainPaths.
	plainPath string
	// cases says of which hosts the permission is asked. It is no form of rules: see hostMaps.
	cases cases
}

// conjuncts returns conditions that hold together exactly where this one does: those of an AND, of ANDs within
// it too, or else the condition itself.
func (c condition) conjuncts() []condition {
	parts, is := c.and()
	if !is {
		return []condition{c}
	}
	var out []condition
	for _, part := range parts {
		out = append(out, part.conjuncts()...)
	}
	return out
}

// alternatives returns conditions of which one holds exactly where this one does: those of an OR, of ORs
// within it too, and of several values of a claim; or else the condition itself.
func (c condition) alternatives() []condition {
	parts, is := c.or()
	if !is {
		parts, is = c.values()
	}
	if !is {
		return []condition{c}
	}
	var out []condition
	for _, part := range parts {
		out = append(out, part.alternatives()...)
	}
	return out
}

func (c condition) and() ([]condition, bool) {
	if set := c.permission.GetAndRules(); set != nil {
		return ofPermissions(set.GetRules()), true
	}
	if set := c.principal.GetAndIds(); set != nil {
		return ofPrincipals(set.GetIds()), true
	}
	return nil, false
}

func (c condition) or() ([]condition, bool) {
	if set := c.permission.GetOrRules(); set != nil {
		return ofPermissions(set.GetRules()), true
	}
	if set := c.principal.GetOrIds(); set != nil {
		return ofPrincipals(set.GetIds()), true
	}
	return nil, false
}

// not returns the condition of which this one is the opposite, if it is one.
func (c condition) not() (condition, bool) {
	if of := c.permission.GetNotRule(); of != nil {
		return condition{permission: of}, true
	}
	if of := c.principal.GetNotId(); of != nil {
		return condition{principal: of}, true
	}
	return condition{}, false
}

// always reports whether the condition says that it holds for everything.
func (c condition) always() bool { return c.permission.GetAny() || c.principal.GetAny() }

// never reports whether the condition says that it holds for nothing.
func (c condition) never() bool {
	of, is := c.not()
	return is && of.always()
}

func ofPermissions(all []*rbacv3.Permission) []condition {
	out := make([]condition, 0, len(all))
	for _, p := range all {
		out = append(out, condition{permission: p})
	}
	return out
}

func ofPrincipals(all []*rbacv3.Principal) []condition {
	out := make([]condition, 0, len(all))
	for _, p := range all {
		out = append(out, condition{principal: p})
	}
	return out
}
