package reload

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// flags are the settings of a control plane that decide what the files of a generation mean.
// They are kept with it: under another root namespace, or without the mesh configuration, the
// same files may enforce nothing, and the last good generation would be an open one.
type flags struct {
	RootNamespace string          `json:"rootNamespace,omitempty"`
	MeshFile      string          `json:"meshFile,omitempty"`
	SecretsDirs   []string        `json:"secretsDirs,omitempty"`
	Ignored       []resource.Kind `json:"ignored,omitempty"`
}

func flagsOf(s model.Settings) flags {
	return flags{RootNamespace: s.RootNamespace, MeshFile: s.MeshFile, SecretsDirs: s.SecretsDirs, Ignored: s.Ignored}
}

// in returns the settings with those of a generation. A generation of an older version has
// none (nil); it is taken to have been read with the present ones.
func (f *flags) in(s model.Settings) model.Settings {
	if f != nil {
		s.RootNamespace, s.MeshFile, s.SecretsDirs, s.Ignored = f.RootNamespace, f.MeshFile, f.SecretsDirs, f.Ignored
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
