package source

import (
	"path"
	"slices"
	"strings"
)

// Relevant reports whether a file of this name is a policy file: *.yaml, *.yml and *.json
// count, except hidden files and everything below a hidden directory (a name that starts
// with a dot) and editors' backups and temporary files (x~, #x#, x.bak, x.swp, x.tmp,
// x.orig, x.rej). The name may be a path.
func Relevant(name string) bool {
	return policyName(name) && !hidden(name) && !backup(name)
}

// policyName reports the ending of a policy file.
func policyName(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(path.Ext(name)))
}

// hidden reports whether any part of the path starts with a dot.
func hidden(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") && part != "." && part != ".." {
			return true
		}
	}
	return false
}

// backup reports whether an editor or merge tool has left the file. The extensions come
// last (policy.yaml.bak), so most such names are not YAML names anyway.
func backup(name string) bool {
	base := path.Base(name)
	return strings.HasSuffix(base, "~") || strings.HasPrefix(base, "#") ||
		slices.Contains([]string{".bak", ".swp", ".swx", ".tmp", ".orig", ".rej"}, path.Ext(base))
}
