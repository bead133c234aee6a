package replay

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/portreeve/portreeve/translate/envoy"
)

// Formats are the ways in which the lines of a log may be written: as text, or as JSON by its keys.
type Formats struct {
	texts []textFormat
	// keys are those that the gateway's own formats explain, known those that need no format.
	keys, known map[string]target
}

// textFormat is a line of text: what stands before each value, and behind the last one.
type textFormat struct {
	parts []part
	end   string
}

type part struct {
	before string
	target target
	// operator is what a person wrote, for messages.
	operator string
}

// Istio's default, and that of this program before it had what a replay needs.
const (
	istioText = `[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ` +
		`%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% ` +
		`%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" ` +
		`%UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%`
	formerText = istioText + ` %DOWNSTREAM_DIRECT_REMOTE_ADDRESS% "%DYNAMIC_METADATA(envoy.filters.http.rbac:enforced_effective_policy_id)%" ` +
		`"%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:iss)%" "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:sub)%"`
)

// NewFormats returns the formats of a gateway's own listeners, and behind them the defaults of this program
// and of Istio, as text and as JSON. A format that cannot be told apart into its values is left out.
func NewFormats(configured []envoy.LogFormat) Formats {
	out := Formats{keys: map[string]target{}, known: knownKeys()}
	for _, c := range configured {
		out.addText(c.Text)
		for key, operator := range c.JSON {
			out.addKey(key, operator)
		}
	}
	for _, format := range []string{envoy.DefaultLogFormat().Text, formerText, istioText} {
		out.addText(format)
	}
	return out
}

func (f *Formats) addText(format string) {
	if t, err := newTextFormat(strings.TrimSuffix(format, "\n")); format != "" && err == nil {
		f.texts = append(f.texts, t)
	}
}

func (f *Formats) addKey(key, format string) {
	operator, rest, err := nextOperator(format)
	if _, is := f.keys[key]; is || err != nil || rest != "" {
		return
	}
	f.keys[key] = targetOf(operator)
}

var errAdjoining = errors.New("nothing stands between two values")

func newTextFormat(format string) (textFormat, error) {
	var out textFormat
	before := ""
	for rest := format; ; {
		text, behind, found := strings.Cut(rest, "%")
		before += text
		if !found {
			out.end = before
			return out, nil
		}
		if strings.HasPrefix(behind, "%") {
			before, rest = before+"%", behind[1:]
			continue
		}
		operator, after, err := nextOperator("%" + behind)
		if err != nil {
			return out, err
		}
		if before == "" && len(out.parts) > 0 {
			return out, errAdjoining
		}
		out.parts = append(out.parts, part{before: before, target: targetOf(operator), operator: operator})
		before, rest = "", after
	}
}

// nextOperator cuts an operator from the beginning of a text; an argument may hold percent signs.
func nextOperator(text string) (operator, rest string, err error) {
	body, ok := strings.CutPrefix(text, "%")
	if !ok {
		return "", "", errors.New("no operator")
	}
	end := strings.IndexByte(body, '%')
	if open := strings.IndexByte(body, '('); open >= 0 && open < end {
		shut := strings.IndexByte(body, ')')
		if shut < 0 {
			return "", "", errors.New("an argument has no end")
		}
		end = strings.IndexByte(body[shut:], '%')
		if end >= 0 {
			end += shut
		}
	}
	if end < 0 {
		return "", "", errors.New("an operator has no end")
	}
	return body[:end], body[end+1:], nil
}

// parse reads a line in the first format that it has. A line that does not fit one exactly is broken:
// a client that writes quotes into a header must not put its words in the place of others.
func (f *Formats) parse(line []byte) (record, error) {
	if line[0] == '{' {
		return f.parseJSON(line)
	}
	var first error
	for _, t := range f.texts {
		out, err := t.parse(line)
		if err == nil {
			return out, nil
		}
		if first == nil {
			first = err
		}
	}
	return record{}, first
}

func (t *textFormat) parse(line []byte) (record, error) {
	var out record
	rest, begin := line, t.parts[0].before
	if !bytes.HasPrefix(rest, []byte(begin)) {
		return out, fmt.Errorf("it does not begin with %q", begin)
	}
	rest = rest[len(begin):]
	for i, p := range t.parts {
		behind := t.end
		if i+1 < len(t.parts) {
			behind = t.parts[i+1].before
		}
		end := endOf(rest, behind)
		if end < 0 || !bytes.HasPrefix(rest[end:], []byte(behind)) {
			return out, fmt.Errorf("%q does not stand behind %%%s%%", behind, p.operator)
		}
		out.take(p.target, string(rest[:end]))
		rest = rest[end+len(behind):]
	}
	if len(rest) > 0 {
		return out, errors.New("there is more than the format has")
	}
	return out, nil
}

// endOf is where a value ends: at the first byte of what stands behind it. The last one of a line holds
// neither a space nor a quote, or the rest of a longer line would pass for it.
func endOf(rest []byte, behind string) int {
	if behind != "" {
		return bytes.IndexByte(rest, behind[0])
	}
	if bytes.ContainsAny(rest, ` "`) {
		return -1
	}
	return len(rest)
}
