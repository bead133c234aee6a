// Package build says which build of Portreeve a program is.
package build

import (
	"cmp"
	"runtime"
	"runtime/debug"
)

// unknown is what stands for what nobody said.
const unknown = "unknown"

// Info is what is known of a build. No field is empty.
type Info struct {
	// Version is the release, or what git or the module proxy calls what is between two of them.
	Version string `json:"version"`
	// Commit is the commit that it was built from, with -dirty where files were changed.
	Commit string `json:"commit"`
	// GoVersion is the Go that it was built with.
	GoVersion string `json:"goVersion"`
}

// Read returns what is known of this program. version and commit are what the build was told, and
// count where they are not empty; else what Go has written into the program.
func Read(version, commit string) Info {
	written, ok := debug.ReadBuildInfo()
	if !ok {
		written = &debug.BuildInfo{}
	}
	return of(version, commit, written)
}

func of(version, commit string, written *debug.BuildInfo) Info {
	module := written.Main.Version
	if module == "(devel)" {
		module = ""
	}
	settings := map[string]string{}
	for _, s := range written.Settings {
		settings[s.Key] = s.Value
	}
	revision := settings["vcs.revision"]
	if revision != "" && settings["vcs.modified"] == "true" {
		revision += "-dirty"
	}
	return Info{
		Version:   cmp.Or(version, module, unknown),
		Commit:    cmp.Or(commit, revision, unknown),
		GoVersion: cmp.Or(written.GoVersion, runtime.Version()),
	}
}
