package rbac

import (
	"strings"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// decision is what an engine makes of a request.
type decision struct {
	// allowed says whether it lets the request pass.
	allowed traffic.Condition
	// outcomes are what may decide, in order: the first that holds does. None follows one that is known to.
	outcomes []outcome
	// otherwise says whether it refuses where none of them holds.
	otherwise bool
	// logs says that it writes whether the request is to be logged, and logged whether it is.
	logs   bool
	logged traffic.Condition
}

// outcome is a rule that may decide.
type outcome struct {
	matched traffic.Condition
	name    string
	refuses bool
}

// last reports whether nothing decides after these.
func (d *decision) last() bool {
	return len(d.outcomes) > 0 && d.outcomes[len(d.outcomes)-1].matched.Holds()
}

// details returns the response code details of a refusal. They are empty where it is not known which rule
// refuses.
func (d *decision) details() string {
	var names []string
	for _, o := range d.outcomes {
		if o.refuses {
			names = append(names, o.name)
		}
	}
	if d.otherwise && !d.last() {
		names = append(names, "none")
	}
	if len(names) != 1 {
		return ""
	}
	return "rbac_access_denied_matched_policy[" + strings.Map(underscored, names[0]) + "]"
}

// underscored replaces the white space that would make two fields of one in a log.
func underscored(r rune) rune {
	switch r {
	case ' ', '\t', '\n', '\v', '\f', '\r':
		return '_'
	default:
		return r
	}
}

// leave writes what was decided below a prefix. Where no rule matches, the name that another filter left stays.
func (d decision) leave(left *traffic.Object, before traffic.Object, prefix string) {
	if left.Fields == nil {
		left.Fields = map[string]any{}
	}
	id := prefix + "effective_policy_id"
	var name traffic.Choice
	for _, o := range d.outcomes {
		name = append(name, traffic.Case{If: o.matched, Value: o.name})
	}
	if stays, there := before.Fields[id]; there && !d.last() {
		name = append(name, otherwise(stays)...)
	}
	switch {
	case len(name) == 0:
	case name[0].If.Holds():
		left.Fields[id] = name[0].Value
	default:
		left.Fields[id] = name
	}
	left.Fields[prefix+"engine_result"] = either(d.allowed, "allowed", "denied")
}

// otherwise returns a value as the last of the cases of a choice.
func otherwise(value any) traffic.Choice {
	if choice, ok := value.(traffic.Choice); ok {
		return choice
	}
	return traffic.Choice{{If: traffic.Known(true), Value: value}}
}

// either returns one value where a condition holds, and another where it fails.
func either(c traffic.Condition, holds, fails any) any {
	switch {
	case c.Holds():
		return holds
	case c.Fails():
		return fails
	default:
		return traffic.Choice{{If: c, Value: holds}, {If: traffic.Known(true), Value: fails}}
	}
}
