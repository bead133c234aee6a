package matchers

import (
	"strconv"

	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// Texts is a matcher of what a connection has of a kind: it matches where any of the texts does. Subject
// says of which kind, in words; of returns them, and whether they are known. None says what there is where
// there are none.
func Texts(subject, none string, m *matcherv3.StringMatcher, of func(*traffic.Stream) ([]string, bool)) (Matcher, error) {
	matches, err := String(m)
	if err != nil {
		return Matcher{}, err
	}
	object := pattern(m, strconv.Quote)
	unknown := traffic.DependsOn(subject + " is " + object)
	decide := func(s *traffic.Stream) traffic.Condition {
		texts, known := of(s)
		if !known {
			return unknown
		}
		for _, text := range texts {
			if matches(text) {
				return traffic.Known(true)
			}
		}
		return traffic.Known(false)
	}
	return about(subject, object, decide, func(s *traffic.Stream) string {
		texts, known := of(s)
		if !known {
			return subject + " is not known"
		}
		return quoted(texts, none)
	}), nil
}

// quoted lists texts that are not empty.
func quoted(texts []string, none string) string {
	out := ""
	for _, text := range texts {
		switch {
		case text == "":
		case out == "":
			out = strconv.Quote(text)
		default:
			out += ", " + strconv.Quote(text)
		}
	}
	if out == "" {
		return none
	}
	return out
}

// Objects are what matchers of one subject ask for, told together: `one of a, b`. Of many it names the first.
func Objects(objects []string) string {
	const most = 8
	switch {
	case len(objects) == 1:
		return objects[0]
	case len(objects) > most:
		return "one of " + list(objects[:most]) + " and " + strconv.Itoa(len(objects)-most) + " more"
	default:
		return "one of " + list(objects)
	}
}

func list(parts []string) string {
	out := ""
	for i, part := range parts {
		if i > 0 {
			out += ", "
		}
		out += part
	}
	return out
}
