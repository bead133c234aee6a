package token

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
)

// requirement is a node of the tree of what a request must have.
type requirement struct {
	kind requirementKind
	// provider is whose token it asks for, audiences are those that count instead of the provider's.
	provider  *provider
	audiences *audiences
	of        []*requirement
	// allowMissing and allowFailed are what an `any` has beside its others, and what an `optional` is.
	allowMissing, allowFailed bool
	// places and providers are those of an `optional`: all.
	places    []place
	providers []*provider
}

type requirementKind int

const (
	nothing requirementKind = iota
	one
	anyOf
	allOf
	optional
)

// reader of requirements knows the providers by their keys.
type requirements struct {
	providers map[string]*provider
}

func (r requirements) read(m *jwtauthnv3.JwtRequirement) (*requirement, error) {
	switch m.GetRequiresType().(type) {
	case nil:
		return &requirement{kind: nothing}, nil
	case *jwtauthnv3.JwtRequirement_ProviderName:
		return r.one(m.GetProviderName())
	case *jwtauthnv3.JwtRequirement_ProviderAndAudiences:
		out, err := r.one(m.GetProviderAndAudiences().GetProviderName())
		if a := audiencesOf(m.GetProviderAndAudiences().GetAudiences()); err == nil && len(a.written) > 0 {
			out.audiences = &a
		}
		return out, err
	case *jwtauthnv3.JwtRequirement_RequiresAny:
		return r.any(m.GetRequiresAny().GetRequirements())
	case *jwtauthnv3.JwtRequirement_RequiresAll:
		of, err := r.list(m.GetRequiresAll().GetRequirements())
		return &requirement{kind: allOf, of: of}, err
	case *jwtauthnv3.JwtRequirement_AllowMissing:
		return r.optional(&requirement{allowMissing: true}), nil
	case *jwtauthnv3.JwtRequirement_AllowMissingOrFailed:
		return r.optional(&requirement{allowMissing: true, allowFailed: true}), nil
	default:
		return nil, fmt.Errorf("the requirement %T is not understood", m.GetRequiresType())
	}
}

func (r requirements) one(name string) (*requirement, error) {
	p, there := r.providers[name]
	if !there {
		return nil, fmt.Errorf("there is no provider %s", name)
	}
	return &requirement{kind: one, provider: p}, nil
}

func (r requirements) list(all []*jwtauthnv3.JwtRequirement) ([]*requirement, error) {
	if len(all) == 0 {
		return nil, errors.New("a requirement has no parts: Envoy would not come to an end with it")
	}
	out := make([]*requirement, 0, len(all))
	for _, m := range all {
		read, err := r.read(m)
		if err != nil {
			return nil, err
		}
		out = append(out, read)
	}
	return out, nil
}

// any takes what lets a missing or a failed token pass out of the list, but not out of a list in it;
// alone it stays.
func (r requirements) any(all []*jwtauthnv3.JwtRequirement) (*requirement, error) {
	of, err := r.list(all)
	out := &requirement{kind: anyOf}
	for i, o := range of {
		if o.kind != optional || all[i].GetRequiresAny() != nil {
			out.of = append(out.of, o)
			continue
		}
		out.allowMissing, out.allowFailed = true, out.allowFailed || o.allowFailed
	}
	if len(out.of) == 0 {
		return r.optional(out), err
	}
	return out, err
}

// optional makes a requirement that takes the tokens of all providers.
func (r requirements) optional(out *requirement) *requirement {
	out.kind = optional
	for _, name := range slices.Sorted(maps.Keys(r.providers)) {
		p := r.providers[name]
		out.providers = append(out.providers, p)
		for _, o := range p.places {
			o.issuers = slices.Clone(o.issuers)
			out.places = append(out.places, o)
		}
	}
	out.places = inOrder(out.places)
	return out
}

// verify says what becomes of a request.
func (r *requirement) verify(w *world) status {
	switch r.kind {
	case one:
		return w.verify(r)
	case anyOf:
		return r.verifyAny(w)
	case allOf:
		for _, o := range r.of {
			if s := o.verify(w); s != ok {
				return s
			}
		}
		return ok
	case optional:
		return w.verifyOptional(r)
	default:
		return ok
	}
}

// verifyAny ends with the first that is met. Of those that are not, Envoy tells the last that found
// a token of its issuer, else that found a token.
func (r *requirement) verifyAny(w *world) status {
	out := missing
	for _, o := range r.of {
		s := o.verify(w)
		if s == ok {
			return ok
		}
		if s != missing && s != unknownIssuer || out == missing {
			out = s
		}
	}
	if r.allowFailed || r.allowMissing && out == missing {
		return ok
	}
	return out
}
