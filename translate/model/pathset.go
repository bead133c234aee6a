package model

import "strings"

// pathSet is values of paths, as a policy has them, found by the paths that they match.
type pathSet struct {
	exact, prefixes, suffixes map[string]bool
	// size counts the values, each as often as it was added.
	size int
}

func newPathSet() pathSet {
	return pathSet{exact: map[string]bool{}, prefixes: map[string]bool{}, suffixes: map[string]bool{}}
}

// add puts a value to the set. Of a template what stands before its first operator counts as a prefix.
func (s *pathSet) add(value string) {
	s.size++
	if before, _, template := strings.Cut(value, "{"); template {
		s.prefixes[before] = true
	}
	switch text := ruleText(value); {
	case text.before:
		s.suffixes[text.text] = true
	case text.after:
		s.prefixes[text.text] = true
	default:
		s.exact[text.text] = true
	}
}

// covers reports whether one of the values matches a path, or may.
func (s *pathSet) covers(path string) bool {
	if s.exact[path] {
		return true
	}
	for i := range len(path) + 1 {
		if s.prefixes[path[:i]] || s.suffixes[path[i:]] {
			return true
		}
	}
	return false
}
