package resource

import (
	"fmt"
	"maps"
	"slices"
)

// What Kubernetes takes for names, as a person is told it.
const (
	NamespaceForm = "lower-case letters, digits and -, at most 63 characters"
	NameForm      = "lower-case letters, digits, - and ., at most 253 characters"
	labelKeyForm  = "letters, digits, -, _ and ., perhaps with a domain and / in front"
	labelForm     = "letters, digits, -, _ and ., at most 63 characters"
)

// IsNamespace reports whether Kubernetes, and so an object of policy, takes the text for a namespace.
func IsNamespace(s string) bool { return isLabel(s) }

// IsName reports whether Kubernetes takes the text for the name of an object.
func IsName(s string) bool { return isObjectName(s) }

// CheckLabels returns what is wrong with labels that a gateway would have, or nil: by others nothing could select it.
func CheckLabels(labels map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if !isLabelKey(key) {
			return fmt.Errorf("%.100q is not the key of a label: want %s", key, labelKeyForm)
		}
		if v := labels[key]; v != "" && !labelPart.MatchString(v) {
			return fmt.Errorf("%.100q is not the value of a label: want %s", v, labelForm)
		}
	}
	return nil
}
