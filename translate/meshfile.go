package translate

import (
	"bytes"
	"slices"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// meshFile is the mesh configuration and what was found in it. Where its file does not change it is the same one
// in the next program.
type meshFile struct {
	// file is the file that was read; it has no path where there was none.
	file source.File
	mesh *resource.Mesh
	// found has errors where the mesh configuration must not be served.
	found diag.List
}

// again takes the mesh configuration out of the files and reads it, and returns the other files. Where it could not
// be read that has been said, and stands in for what is wrong with it.
func (m meshFile) again(files []source.File, settings model.Settings) ([]source.File, meshFile) {
	path := settings.MeshFile
	if path == "" {
		return files, m.without(nil)
	}
	if unread := slices.IndexFunc(settings.Unread, func(d diag.Diagnostic) bool { return d.Pos.File == path }); unread >= 0 {
		return files, m.without(settings.Unread[unread : unread+1])
	}
	i := slices.IndexFunc(files, func(f source.File) bool { return f.Path == path })
	if i < 0 {
		missing := diag.New(diag.CodeRead, diag.Position{File: path}, "the mesh configuration is not there").WithHint("create the file, or start without --mesh-config")
		return files, m.without(diag.List{missing})
	}
	others := slices.Concat(files[:i], files[i+1:])
	if m.file.Path == path && bytes.Equal(m.file.Content, files[i].Content) {
		return others, m
	}
	mesh, found := resource.DecodeMesh(files[i])
	return others, meshFile{files[i], mesh, found}
}

// without returns what counts without a file, with what is said about that.
func (m meshFile) without(found diag.List) meshFile {
	if m.mesh == nil || m.file.Path != "" {
		m.mesh = resource.DefaultMesh()
	}
	return meshFile{mesh: m.mesh, found: found}
}
