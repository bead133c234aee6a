package findings

import (
	"net/url"
	"path/filepath"
	"strings"
)

// below returns a path as it is called from a directory, with slashes, where it lies below it.
func below(dir, path string) (string, bool) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	rel, err := filepath.Rel(dir, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return filepath.ToSlash(path), false
	}
	return filepath.ToSlash(rel), true
}

// uri returns a path as a URI: relative to a directory where it lies below it, absolute elsewhere.
func uri(dir, path string) string {
	name, inside := below(dir, path)
	if !inside {
		return (&url.URL{Scheme: "file", Path: name}).String()
	}
	return (&url.URL{Path: name}).String()
}
