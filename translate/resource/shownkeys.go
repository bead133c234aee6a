package resource

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"

	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
)

// ClosedKeys is a key set whose private half was never written down, so that no token
// verifies. It is a constant, so that equal policy gives equal bytes everywhere.
const ClosedKeys = `{"keys":[{"kty":"RSA","e":"AQAB","n":"` + closedModulus + `"}]}`

const closedModulus = "xo8TJT4gC8yQBw_e6a3Rce556DkGk6fcbG0IUORB7uPT2GMFkFqrIBY5OfoCxDDTGkYFHjJ2DdHGikxk1Qaenj13O60YJnIR07iMBLQyE9S9GQa1ws26XmgiSFYBNWGTZHUiBUDsaNSlIRg2EucjUkXD6Tdxk53CseKlwfZkCPXvLL68PUfO9drNaJTjoTghCrC3ppt4Om5vRmk_W_NMWDLo6d6g6aF9WbznPMGTj0lgTLiztY_PELglwHRKIXJfFwK2Amwgn6ukxoGDVhL1Mm2Zq7fA8uITAYCa0RjX38lI2fEUJ6dW9oySMT0DSDQ5MZi5nfaCKmUyR5xTUCDjHw"

// rawKey is a key by the names of its members.
type rawKey map[string]json.RawMessage

// publicMembers are what may be read of a key by anybody. What is not among them is taken to
// be secret, so that a member which this list does not know stays at home.
func publicMembers() []string {
	return []string{"kty", "kid", "alg", "use", "key_ops", "crv", "n", "e", "x", "y", "x5c", "x5t", "x5t#S256", "x5u", "redacted"}
}

// withoutPrivate takes the private halves out of the key sets of a spec that was just read, so
// that no later stage has them to hand on.
func withoutPrivate(spec proto.Message) {
	switch spec := spec.(type) {
	case *securityv1beta1.RequestAuthentication:
		for _, rule := range spec.GetJwtRules() {
			if rule.GetJwks() != "" {
				rule.Jwks = handedKeys(rule.GetJwks())
			}
		}
	case *portreevev1alpha1.JWTPolicy:
		if spec.GetJwt().GetJwks() != "" {
			spec.Jwt.Jwks = handedKeys(spec.GetJwt().GetJwks())
		}
	}
}

// handedKeys returns a key set as gateways are given it: of a symmetric key all that verifies
// with it, of every other its public members only. A set in which nothing else stands is
// returned as it is written. Text that is no key set becomes one by which no token verifies.
func handedKeys(text string) string {
	return rewritten(text, func(k rawKey) rawKey {
		if k.symmetric() {
			return k.only(append(publicMembers(), "k"))
		}
		return k.only(publicMembers())
	})
}

// ShownKeys returns a key set as it may be shown to anybody. In place of a symmetric key, and
// of one that is of no known type, stands a public key by which no token verifies: whoever
// uses what was shown refuses the tokens. Equal text, none of it secret, is returned as it is.
func ShownKeys(text string) string {
	return rewritten(text, func(k rawKey) rawKey {
		switch string(k["kty"]) {
		case `"RSA"`, `"EC"`, `"OKP"`:
			return k.only(publicMembers())
		default:
			return k.only([]string{"kid"}).closed()
		}
	})
}

func (k rawKey) symmetric() bool { return string(k["kty"]) == `"oct"` }

// only returns the key with no other members than those.
func (k rawKey) only(members []string) rawKey {
	out := maps.Clone(k)
	maps.DeleteFunc(out, func(name string, _ json.RawMessage) bool { return !slices.Contains(members, name) })
	return out
}

// closed makes a name into a key by which no token verifies.
func (k rawKey) closed() rawKey {
	k["kty"], k["e"], k["n"] = json.RawMessage(`"RSA"`), json.RawMessage(`"AQAB"`), json.RawMessage(`"`+closedModulus+`"`)
	k["redacted"] = json.RawMessage("true")
	return k
}

// rewritten returns the set of what each key becomes, or the text itself where that is all
// that it says. It fails closed: of what cannot be read whole, nothing is handed on.
func rewritten(text string, of func(rawKey) rawKey) string {
	var set map[string]json.RawMessage
	var keys []rawKey
	// Of a name that stands twice the reader sees one, and the text would show both.
	if strictJSON(text) != nil || json.Unmarshal([]byte(text), &set) != nil || json.Unmarshal(set["keys"], &keys) != nil {
		return ClosedKeys
	}
	same := len(set) == 1
	for i, k := range keys {
		if k == nil {
			return ClosedKeys
		}
		keys[i] = of(k)
		same = same && maps.EqualFunc(k, keys[i], func(a, b json.RawMessage) bool { return bytes.Equal(a, b) })
	}
	if same {
		return text
	}
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(map[string][]rawKey{"keys": keys}) != nil {
		return ClosedKeys
	}
	return strings.TrimSuffix(out.String(), "\n")
}
