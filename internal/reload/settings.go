package reload

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// flags are the settings of a control plane that decide what the files of a generation mean.
// They are kept with it: under another root namespace, or without the mesh configuration, the
// same files may enforce nothing, and the last good generation would be an open one.
type flags struct {
	RootNamespace string          `json:"rootNamespace,omitempty"`
	MeshFile      string          `json:"meshFile,omitempty"`
	GatewaysFile  string          `json:"gatewaysFile,omitempty"`
	SecretsDirs   []string        `json:"secretsDirs,omitempty"`
	Ignored       []resource.Kind `json:"ignored,omitempty"`
	RequireTests  bool            `json:"requireTests,omitempty"`
}

func flagsOf(s model.Settings) flags {
	return flags{RootNamespace: s.RootNamespace, MeshFile: s.MeshFile, GatewaysFile: s.GatewaysFile, SecretsDirs: s.SecretsDirs, Ignored: s.Ignored, RequireTests: s.RequireTests}
}

// stored returns the flags as they are kept on disk.
func (f flags) stored() *state.Flags {
	out := &state.Flags{RootNamespace: f.RootNamespace, MeshFile: f.MeshFile, GatewaysFile: f.GatewaysFile, SecretsDirs: f.SecretsDirs, RequireTests: f.RequireTests}
	for _, kind := range f.Ignored {
		out.Ignored = append(out.Ignored, string(kind))
	}
	return out
}

// in returns settings with the flags of a kept generation. One of an older version has
// none (nil); it is taken to have been read with the present ones.
func in(s model.Settings, f *state.Flags) model.Settings {
	if f == nil {
		return s
	}
	s.RootNamespace, s.MeshFile, s.GatewaysFile, s.SecretsDirs, s.Ignored = f.RootNamespace, f.MeshFile, f.GatewaysFile, f.SecretsDirs, nil
	s.RequireTests = f.RequireTests
	for _, kind := range f.Ignored {
		s.Ignored = append(s.Ignored, resource.Kind(kind))
	}
	return s
}

// writeTo adds the flags to what a generation is named by, where any is given.
func (f flags) writeTo(w io.Writer) {
	text, err := json.Marshal(f)
	if err == nil && string(text) != "{}" {
		fmt.Fprintf(w, "?%s", text)
	}
}
