package explain

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// Assumed returns a token that nobody signed, for Request.Trusted: in its compact form, and what it says. It
// holds where a header of the request holds it and Trusted has it. Claims are what encoding/json makes.
func Assumed(claims map[string]any) (string, traffic.Object, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", traffic.Object{}, fmt.Errorf("write the claims: %w", err)
	}
	var fields map[string]any
	if err := json.Unmarshal(payload, &fields); err != nil {
		return "", traffic.Object{}, fmt.Errorf("read the claims: %w", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	token := encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode(payload) + "." + encode([]byte("assumed"))
	return token, objectOf(fields), nil
}

func objectOf(fields map[string]any) traffic.Object {
	out := traffic.Object{Fields: map[string]any{}}
	for name, v := range fields {
		out.Fields[name] = valueOf(v)
	}
	return out
}

func valueOf(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return objectOf(v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = valueOf(item)
		}
		return out
	default:
		return v
	}
}
