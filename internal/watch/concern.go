package watch

import (
	"path/filepath"
	"strings"
)

// dataLink is the symlink that a ConfigMap volume swaps to replace all its files at once.
const dataLink = "..data"

// concerns reports whether an event can change what is read.
func (w *Watcher) concerns(e event) bool {
	for _, file := range w.options.Files {
		if file = filepath.Clean(file); e.path == file || e.path == filepath.Join(filepath.Dir(file), dataLink) {
			return true
		}
	}
	for _, dir := range w.options.Dirs {
		if dir = filepath.Clean(dir); e.path == dir {
			return true
		}
		base, inside := within(e.path, dir)
		if !inside {
			continue
		}
		_, known := w.tree[e.path]
		return base == dataLink || known || w.options.Relevant(base) || !hidden(base) && e.has(created) && w.look(e.path).mode.IsDir()
	}
	return false
}

// counts reports whether a file is one that is read, by its name alone.
func (w *Watcher) counts(path string) bool {
	for _, file := range w.options.Files {
		if path == filepath.Clean(file) {
			return true
		}
	}
	for _, dir := range w.options.Dirs {
		if base, inside := within(path, filepath.Clean(dir)); inside {
			return w.options.Relevant(base)
		}
	}
	return false
}

// within returns the last element of a path that is below a directory, in no hidden folder.
func within(path, dir string) (base string, inside bool) {
	if path == dir || !below(path, dir) {
		return "", false
	}
	rest := path
	if dir != "." {
		rest = strings.TrimPrefix(path[len(strings.TrimSuffix(dir, separator)):], separator)
	}
	names := strings.Split(rest, separator)
	return names[len(names)-1], !hidden(names[:len(names)-1]...)
}

func hidden(names ...string) bool {
	for _, n := range names {
		if strings.HasPrefix(n, ".") {
			return true
		}
	}
	return false
}
