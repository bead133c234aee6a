package replay

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// record is what a line says.
type record struct {
	values  [fieldCount]value
	headers []traffic.Header
	// absent are the headers of which the line says that they were not sent.
	absent []string
	// settled is what became of it.
	settled *comparison
}

// value is what a line says of one thing. Unsaid is what the format does not tell, none what was not there.
type value struct {
	text  string
	state state
}

type state byte

const (
	unsaid state = iota
	none
	said
)

// take keeps a value as Envoy writes it in text: a dash stands for what was not there.
func (r *record) take(to target, written string) {
	v := value{written, said}
	if written == "-" {
		v = value{"", none}
	}
	r.set(to, v)
}

func (r *record) set(to target, v value) {
	switch {
	case to.field == header && v.state == said:
		r.headers = append(r.headers, traffic.Header{Name: to.name, Value: v.text})
	case to.field == header:
		r.absent = append(r.absent, to.name)
	default:
		r.values[to.field] = v
	}
}

func (r *record) said(f field) bool { return r.values[f].state == said }
func (r *record) none(f field) bool { return r.values[f].state == none }

// parseJSON reads an object by its keys: those of the formats, and those that operators are known by.
func (f *Formats) parseJSON(line []byte) (record, error) {
	var object map[string]any
	if err := json.Unmarshal(line, &object); err != nil {
		return record{}, errors.New("it is no JSON object")
	}
	var out record
	for key, v := range object {
		to := f.keyTarget(key, object)
		if to.field == nothing {
			continue
		}
		text, ok := textOf(v)
		if !ok {
			return record{}, fmt.Errorf("the value of %q is neither text nor a number", key)
		}
		if v == nil {
			out.set(to, value{state: none})
			continue
		}
		out.take(to, text)
	}
	slices.Sort(out.absent)
	slices.SortStableFunc(out.headers, func(a, b traffic.Header) int { return strings.Compare(a.Name, b.Name) })
	if out.values[method].state == unsaid && out.values[localAddress].state == unsaid {
		return record{}, errors.New("it has no key that is known")
	}
	return out, nil
}

// textOf is a value of JSON as text would have it; an object, such as the claims of a token, stays JSON.
func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case float64:
		return fmt.Sprintf("%.0f", v), true
	case map[string]any:
		b, err := json.Marshal(v)
		return string(b), err == nil
	default:
		return "", false
	}
}

// keyTarget says what a key tells: by the formats of the gateway, or else by the keys of the default formats
// and the names of operators.
func (f *Formats) keyTarget(key string, object map[string]any) target {
	if to, ok := f.keys[key]; ok {
		return to
	}
	name := spelled(key)
	if name != "path" {
		return f.known[name]
	}
	// Only the format that says whether there was a query leaves the query out.
	if _, ok := object["query_sent"]; ok {
		return target{field: barePath}
	}
	return target{field: fullPath}
}

// spelled is a key in the one spelling that known keys have.
func spelled(key string) string {
	return strings.ReplaceAll(strings.ToLower(strings.Trim(key, ":%")), "-", "_")
}

// knownKeys are the keys that no format has to explain.
func knownKeys() map[string]target {
	out := map[string]target{
		"x_envoy_original_path": {field: fullPath}, "status": {field: status}, "host": {field: authority}, "token_claims": {field: tokenClaims},
	}
	for key, operator := range envoy.DefaultLogFormat().JSON {
		operator = strings.Trim(operator, "%")
		out[spelled(key)], out[spelled(operator)] = targetOf(operator), targetOf(operator)
	}
	return out
}

// unanswerable says why nothing can be asked about a record that is no request, or is empty.
func (r *record) unanswerable() string {
	switch {
	case !r.said(localAddress):
		return "without the address that was reached"
	case r.holdsToken() && r.began().IsZero():
		return "without the time at which a token was sent"
	case r.said(method) && (r.said(fullPath) || r.said(barePath)):
		return ""
	case r.said(protocol) || r.said(method) || r.values[status].text != "0" && r.said(status):
		return "without a request that could be read"
	default:
		return ""
	}
}

// connection reports whether it is a connection whose requests nobody reads.
func (r *record) connection() bool { return !r.said(method) }

// key is all by which answers differ.
func (r *record) key() string {
	var out strings.Builder
	for _, f := range []field{
		method, fullPath, barePath, authority, protocol, forwardedFor, localAddress, serverName, tlsVersion,
		peerURIs, peerNames, peerSubject, tokenIssuer, tokenSubject, tokenClaims, querySent, accessTokenSent, authorizationSent,
	} {
		out.WriteByte(byte(r.values[f].state))
		out.WriteString(r.values[f].text)
		out.WriteByte(0)
	}
	out.WriteString(r.values[directAddress].host())
	out.WriteByte(0)
	out.WriteString(r.values[remoteAddress].client())
	if strings.HasPrefix(r.values[details].text, "jwt_authn") {
		out.WriteByte(1)
	}
	out.WriteByte(0)
	for _, h := range r.headers {
		out.WriteString(h.Name)
		out.WriteByte(0)
		out.WriteString(h.Value)
		out.WriteByte(0)
	}
	out.WriteString(strings.Join(r.absent, ","))
	out.WriteByte(0)
	if r.holdsToken() {
		out.WriteString(r.values[startTime].text)
	}
	return out.String()
}
