package model

import (
	"net/url"
	"path"
	"regexp"
	"strings"

	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
)

// pathForm is how far paths are brought to one form before rules and routes see them; each
// includes the one before it.
type pathForm int

const (
	// asTheyCome leaves paths alone.
	asTheyCome pathForm = iota
	// resolved takes dot segments away, and \ for /.
	resolvedDots
	// mergedSlashes makes several slashes one.
	mergedSlashes
	// decodedSlashes takes %2F and %5C for /.
	decodedSlashes
)

// pathForm returns what the mesh configuration says. Where it says nothing, everything is done;
// whoever writes DEFAULT has chosen Istio's own.
func (s Settings) pathForm() pathForm {
	chosen := s.Mesh.Config.GetPathNormalization()
	if chosen == nil {
		return decodedSlashes
	}
	switch chosen.GetNormalization() {
	case meshv1alpha1.MeshConfig_ProxyPathNormalization_NONE:
		return asTheyCome
	case meshv1alpha1.MeshConfig_ProxyPathNormalization_MERGE_SLASHES:
		return mergedSlashes
	case meshv1alpha1.MeshConfig_ProxyPathNormalization_DECODE_AND_MERGE_SLASHES:
		return decodedSlashes
	default:
		return resolvedDots
	}
}

// pathText is what a rule or route says of a path: text, with anything before or behind it.
type pathText struct {
	text          string
	before, after bool
}

// ruleText reads a value of a policy, of which one * is a wildcard, first or else last.
func ruleText(v string) pathText {
	if text, ok := strings.CutPrefix(v, "*"); ok {
		return pathText{text: text, before: true}
	}
	text, ok := strings.CutSuffix(v, "*")
	return pathText{text: text, after: ok && !strings.ContainsAny(v, "{}")}
}

// String returns the value as a policy has it.
func (p pathText) String() string {
	switch {
	case p.before:
		return "*" + p.text
	case p.after:
		return p.text + "*"
	default:
		return p.text
	}
}

// meets reports whether some text can be one of both.
func (p pathText) meets(o pathText) bool {
	switch {
	case !p.before && !p.after && !o.before && !o.after:
		return p.text == o.text
	case p.after && o.after:
		return strings.HasPrefix(p.text, o.text) || strings.HasPrefix(o.text, p.text)
	case p.before && o.before:
		return strings.HasSuffix(p.text, o.text) || strings.HasSuffix(o.text, p.text)
	case p.after && o.before, p.before && o.after:
		return true
	case p.after:
		return strings.HasPrefix(o.text, p.text)
	case o.after:
		return strings.HasPrefix(p.text, o.text)
	case p.before:
		return strings.HasSuffix(o.text, p.text)
	default:
		return strings.HasSuffix(p.text, o.text)
	}
}

// covers reports whether every text that the other stands for is one that this stands for.
func (p pathText) covers(o pathText) bool {
	switch {
	case p.before:
		return !o.after && strings.HasSuffix(o.text, p.text) || p.text == ""
	case p.after:
		return !o.before && strings.HasPrefix(o.text, p.text)
	default:
		return p == o
	}
}

// never says why no path of a request contains the text where it stands, or "". It says so only
// where that is certain.
func (f pathForm) never(p pathText) string {
	switch {
	case strings.Contains(p.text, "?"):
		return "a path ends before the ?"
	case strings.Contains(p.text, "#"):
		return "no path has a #"
	case !p.before && p.text != "" && !strings.HasPrefix(p.text, "/") && !(f >= resolvedDots && p.text[0] == '\\'):
		return "a path begins with /"
	case f >= resolvedDots && strings.Contains(p.text, `\`):
		return `\ becomes /`
	case f >= mergedSlashes && strings.Contains(p.text, "//"):
		return "several / become one"
	case f >= decodedSlashes && strings.Contains(strings.ToLower(p.text), "%2f"):
		return "%2F becomes /"
	case f >= decodedSlashes && strings.Contains(strings.ToLower(p.text), "%5c"):
		return "%5C becomes /"
	case f >= resolvedDots && p.hasDots():
		return ". and .. are resolved"
	case f >= resolvedDots && p.needlessEscape() != "":
		return p.needlessEscape() + " becomes the character that it stands for"
	default:
		return ""
	}
}

// hasDots reports a whole segment . or .. in the text.
func (p pathText) hasDots() bool {
	segments := strings.Split(p.text, "/")
	for i, s := range segments {
		part := p.before && i == 0 || p.after && i == len(segments)-1
		if !part && (s == "." || s == "..") {
			return true
		}
	}
	return false
}

// needlessEscape returns the first escape of a character that needs none, or "": paths have none
// of those by the time that rules see them.
func (p pathText) needlessEscape() string {
	if !strings.Contains(p.text, "%") {
		return "" // nearly every path, and none of them is worth an expression
	}
	return needless().FindString(p.text)
}

// needless matches the escapes of letters, digits and - . _ ~.
func needless() *regexp.Regexp {
	return regexp.MustCompile(`%(2[DdEe]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff]|7[Ee])`)
}

// instead returns the text as paths have it.
func (f pathForm) instead(p pathText) pathText {
	p.text, _, _ = strings.Cut(p.text, "?")
	p.text, _, _ = strings.Cut(p.text, "#")
	if f >= resolvedDots {
		p.text = strings.ReplaceAll(p.text, `\`, "/")
	}
	if f >= decodedSlashes {
		p.text = strings.NewReplacer("%2f", "/", "%2F", "/", "%5c", "/", "%5C", "/").Replace(p.text)
	}
	if f >= resolvedDots {
		p.text = needless().ReplaceAllStringFunc(p.text, func(escape string) string {
			plain, err := url.PathUnescape(escape)
			if err != nil {
				return escape
			}
			return plain
		})
	}
	if !p.before && !strings.HasPrefix(p.text, "/") {
		p.text = "/" + p.text
	}
	for f >= mergedSlashes && strings.Contains(p.text, "//") {
		p.text = strings.ReplaceAll(p.text, "//", "/")
	}
	if f >= resolvedDots && p.hasDots() && strings.HasPrefix(p.text, "/") && !strings.Contains(p.text, "//") {
		clean := path.Clean(p.text)
		if strings.HasSuffix(p.text, "/") && clean != "/" {
			clean += "/"
		}
		p.text = clean
	}
	return p
}
