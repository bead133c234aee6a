package token

import (
	"encoding/json"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// claims are those of a token by which it is judged.
type claims struct {
	issuer, subject string
	audiences       []string
	// notBefore and expiry are seconds since 1970, 0 where the token does not say them.
	notBefore, expiry uint64
	// unknown are the names of those that are not known.
	unknown map[string]bool
}

// readClaims reads them in Envoy's order: the first that has the wrong type is told.
func readClaims(from traffic.Object) (claims, status) {
	r := claimReader{from: from}
	out := claims{
		issuer:  r.text("iss", issNotString),
		subject: r.text("sub", subNotString),
	}
	r.seconds("iat", iatNotInteger, iatOutOfRange)
	out.notBefore = r.seconds("nbf", nbfNotInteger, nbfOutOfRange)
	out.expiry = r.seconds("exp", expNotInteger, expOutOfRange)
	r.text("jti", jtiNotString)
	out.audiences = r.texts("aud", audNotString)
	out.unknown = r.unknown
	return out, r.failed
}

type claimReader struct {
	from    traffic.Object
	failed  status
	unknown map[string]bool
}

// claim returns a claim, and whether it is there and known.
func (r *claimReader) claim(name string) (any, bool) {
	value, there := r.from.Fields[name]
	if _, unknown := value.(traffic.Unknown); unknown || !there && r.from.Open {
		if r.unknown == nil {
			r.unknown = map[string]bool{}
		}
		r.unknown[name] = true
		return nil, false
	}
	return value, there
}

func (r *claimReader) fail(s status) {
	if r.failed == ok {
		r.failed = s
	}
}

func (r *claimReader) text(name string, wrong status) string {
	value, there := r.claim(name)
	out, good := value.(string)
	if there && !good {
		r.fail(wrong)
	}
	return out
}

// seconds reads a time; Envoy cuts off what is behind the point.
func (r *claimReader) seconds(name string, wrong, outside status) uint64 {
	const bound = 1 << 64
	value, there := r.claim(name)
	number, good := value.(float64)
	switch {
	case !there:
		return 0
	case !good:
		r.fail(wrong)
		return 0
	case number < 0 || number >= bound:
		r.fail(outside)
		return 0
	default:
		return uint64(number)
	}
}

func (r *claimReader) texts(name string, wrong status) []string {
	value, there := r.claim(name)
	switch value := value.(type) {
	case string:
		return []string{value}
	case []any:
		return r.listed(name, value, wrong)
	default:
		if there {
			r.fail(wrong)
		}
		return nil
	}
}

func (r *claimReader) listed(name string, values []any, wrong status) []string {
	out := make([]string, 0, len(values))
	for _, v := range values {
		switch v := v.(type) {
		case string:
			out = append(out, v)
		case traffic.Unknown:
			r.unknown = map[string]bool{name: true}
		default:
			r.fail(wrong)
		}
	}
	return out
}

// plain returns an object whose numbers are float64 and whose objects are of one type, as Envoy holds them.
func plain(o traffic.Object) traffic.Object {
	out := traffic.Object{Fields: make(map[string]any, len(o.Fields)), Open: o.Open}
	for name, value := range o.Fields {
		out.Fields[name] = plainValue(value)
	}
	return out
}

func plainValue(value any) any {
	switch value := value.(type) {
	case traffic.Object:
		return plain(value)
	case map[string]any:
		return plain(traffic.Object{Fields: value})
	case []any:
		out := make([]any, 0, len(value))
		for _, v := range value {
			out = append(out, plainValue(v))
		}
		return out
	case json.Number:
		number, err := value.Float64()
		if err != nil {
			return traffic.Unknown{} // no float64 holds it; Envoy refuses such JSON
		}
		return number
	default:
		return value
	}
}
