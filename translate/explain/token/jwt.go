package token

import (
	"strings"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// jwt is a token that was read.
type jwt struct {
	// text is its compact form, payloadText the part of it that holds the claims.
	text, payloadText string
	// header and payload are its parts; signed is what its signature is made over.
	header, payload   traffic.Object
	signed, signature string
	alg, kid          string
	claims
	// trusted says that its signature is not looked at.
	trusted bool
}

// parse reads a token as Envoy does.
func parse(text string) (jwt, status) {
	out := jwt{text: text}
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == '.' })
	if len(parts) != 3 {
		return out, badFormat
	}
	out.payloadText, out.signed = parts[1], parts[0]+"."+parts[1]
	if s := out.readHeader(parts[0]); s != ok {
		return out, s
	}
	payload, good := decodeBase64(parts[1])
	if !good {
		return out, payloadBadBase64
	}
	if out.payload, good = readObject(payload); !good {
		return out, payloadBadJSON
	}
	var s status
	if out.claims, s = readClaims(out.payload); s != ok {
		return out, s
	}
	if out.signature, good = decodeBase64(parts[2]); !good {
		return out, signatureBadBase64
	}
	return out, ok
}

func (t *jwt) readHeader(part string) status {
	text, good := decodeBase64(part)
	if !good {
		return headerBadBase64
	}
	if t.header, good = readObject(text); !good {
		return headerBadJSON
	}
	if t.alg, good = t.header.Fields["alg"].(string); !good {
		return headerBadAlg
	}
	if !knownAlgorithm(t.alg) {
		return headerAlgUnknown
	}
	kid, there := t.header.Fields["kid"]
	if t.kid, good = kid.(string); there && !good {
		return headerBadKid
	}
	return ok
}

// trusted reads a token whose claims are given. Its header and its signature are not looked at.
func trusted(text string, claimed traffic.Object) (jwt, status) {
	out := jwt{text: text, payload: plain(claimed), trusted: true}
	if parts := strings.FieldsFunc(text, func(r rune) bool { return r == '.' }); len(parts) == 3 {
		out.payloadText = parts[1]
	}
	var s status
	out.claims, s = readClaims(out.payload)
	return out, s
}

func knownAlgorithm(alg string) bool {
	switch alg {
	case "ES256", "ES384", "ES512", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA":
		return true
	default:
		return false
	}
}
