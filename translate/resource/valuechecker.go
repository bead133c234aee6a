package resource

import (
	"maps"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
)

// valueChecker checks what more than one kind has: a host, a port, a duration, a list of names.
// Every checker of a kind embeds one.
type valueChecker struct{ *reporter }

// labels checks what has to be equal to the labels of a gateway.
func (c valueChecker) labels(path Path, labels map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		at := path.Field(key)
		switch {
		case key == "":
			c.addKey(diag.CodeSelectorLabel, at, "%s has an empty key", path).WithHint("write the name of a label")
		case strings.Contains(key, "*"):
			c.addKey(diag.CodeSelectorLabel, at, "the key %q has a wildcard, which selectors do not have", key).WithHint("write the label as the gateway has it")
		case strings.Contains(labels[key], "*"):
			c.add(diag.CodeSelectorLabel, at, "the value %q has a wildcard, which selectors do not have", labels[key]).WithHint("write the label as the gateway has it")
		}
	}
}

// atMost reports a list that is longer than the API allows.
func (c valueChecker) atMost(path Path, n, limit int) {
	if n > limit {
		c.add(diag.CodeTooMany, path, "%s has %d entries", path, n).WithHint("at most %d", limit)
	}
}

// nonEmpty reports the empty values of a list.
func (c valueChecker) nonEmpty(path Path, field string, values []string) {
	for i, v := range values {
		if v == "" {
			at := path.Field(field, i)
			c.add(diag.CodeEmptyValue, at, "%s is empty", at).WithHint("write what is meant, or take it out")
		}
	}
}

// altName checks a name that a backend's certificate has to have. Envoy would take an
// empty one for no name at all.
func (c valueChecker) altName(path Path, name string) {
	if name == "" {
		c.add(diag.CodeEmptyValue, path, "%s is empty", path).WithHint("a name of the certificate, or take it out")
	}
}
