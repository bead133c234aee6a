package optimize

import rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"

// otherPaths finds atoms by a path that no map knows: by an end that does not begin with a dot, by a template, by "*".
//
//	path ends with "/x" and …, path is like "/{**}/y" and …  ─▶  guards over the path
//
// The guards match whatever the values do, and each atom asks for its own. A template is the expression that Envoy
// makes of it.
//
// Of several rules that match Envoy reports the first by value among those that are guarded together.
func otherPaths() *index {
	g := guardOf(pathState().input())
	return &index{
		name: "other-paths", state: pathState(), weight: guardWeight, bucket: guarded, encode: g.encode, cover: g.cover, covered: covered, section: listTree,
		find: func(c condition) (key, bool) {
			e, ok := otherPath(c.permission)
			if !ok {
				return key{}, false
			}
			return key{text: e.key(), rest: []condition{c}}, true
		},
	}
}

// otherPath returns what a permission asks of a path as an expression. It is false for what maps find.
func otherPath(p *rbacv3.Permission) (expression, bool) {
	path := p.GetUrlPath().GetPath()
	switch {
	case path.GetSuffix() != "", path.GetSafeRegex() != nil:
		return expressionOf(path)
	case p.GetUriTemplate() != nil:
		return templateExpression(p.GetUriTemplate())
	default:
		return expression{}, false
	}
}
