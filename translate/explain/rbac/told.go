package rbac

import (
	"strings"

	"github.com/portreeve/portreeve/translate/explain/matchers"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// mostTold bounds what is told of one of several conditions, and of how many.
const mostTold, mostParts = 120, 4

// oneOf tells of clauses of which one has to hold.
func oneOf(path string, of []*clause) part {
	out := told(path, of)
	switch {
	case len(of) == 0:
		out.wants = "nothing: no request matches"
	case out.subject != "":
		out.object = matchers.Objects(objects(of))
		out.wants = out.subject + " is " + out.object
	default:
		out.wants = "any of: " + wants(of)
	}
	return out
}

// spellings is what package policy asks first of the paths that some server takes for one that is denied. The
// expressions behind it say nothing to a person.
const spellings = "a match of .*[;%].*"

// bothOf tells of clauses that all have to hold.
func bothOf(path string, of []*clause) part {
	out := told(path, of)
	switch {
	case len(of) == 0:
		out.wants = "anything"
	case len(of) == 1:
		out.wants, out.object = of[0].wants, of[0].object
	case out.subject == "path" && of[0].object == spellings:
		out.object = "another spelling with ; or %"
		out.wants = out.subject + " is " + out.object
	case out.subject != "":
		out.object = strings.Join(objects(of), " and ")
		out.wants = out.subject + " is " + out.object
	default:
		out.wants = "all of: " + wants(of)
	}
	return out
}

// told has the subject of clauses that are all about one thing.
func told(path string, of []*clause) part {
	out := part{path: path, saw: func(*traffic.Stream) string { return "" }}
	if len(of) == 0 {
		return out
	}
	out.saw, out.subject = of[0].saw, of[0].subject
	for _, one := range of {
		if one.subject != out.subject {
			out.subject = ""
		}
	}
	return out
}

func objects(of []*clause) []string {
	out := make([]string, 0, len(of))
	for _, one := range of {
		if strings.HasPrefix(one.object, otherSpellings) {
			out = append(out, "another spelling of these")
			continue
		}
		out = append(out, brief(one.object))
	}
	return out
}

// otherSpellings is how the condition begins by which a rule that refuses a path sees it with parameters
// and needless escapes too. Nobody wrote it, and its expressions tell nobody anything.
const otherSpellings = "a match of .*[;%].* and "

func wants(of []*clause) string {
	var out []string
	for _, one := range of[:min(len(of), mostParts)] {
		out = append(out, brief(one.wants))
	}
	if len(of) > mostParts {
		out = append(out, "…")
	}
	return strings.Join(out, "; ")
}

func brief(text string) string {
	if len(text) <= mostTold {
		return text
	}
	return strings.ToValidUTF8(text[:mostTold], "") + "…"
}

// requestPrincipal tells of an issuer and a subject as of one, as Istio does.
func requestPrincipal(path string, of []*clause) *clause {
	if len(of) != 2 || of[0].subject != "claim iss" || of[1].subject != "claim sub" {
		return nil
	}
	issuer, subject := of[0], of[1]
	object := issuer.object + "/" + subject.object
	if object == "not empty/not empty" {
		object = "there"
	}
	c := &clause{part: part{path: path, subject: "request principal", object: object, wants: "request principal is " + object}}
	c.saw = func(s *traffic.Stream) string {
		iss, sub := issuer.saw(s), subject.saw(s)
		if iss == sub {
			return iss
		}
		return iss + "/" + sub
	}
	c.decide = func(s *traffic.Stream) verdict {
		return c.whole(issuer.decide(s).matched.And(subject.decide(s).matched))
	}
	return c
}
