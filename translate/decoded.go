package translate

import (
	"bytes"
	"slices"

	"github.com/portreeve/portreeve/internal/diag"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// decoded is what files say, each by itself, in the order of the files. A file whose path
// and content are the same says the same again, so an edit costs the files that it touches.
type decoded struct {
	options resource.Options
	files   []decodedFile
	// index is the place in files of each path, the last of equal ones.
	index map[string]int
}

// decodedFile is what one file says.
type decodedFile struct {
	path    string
	content []byte
	objects []resource.Object
	secrets []*resource.Secret
	diags   diag.List
}

// again decodes the files that are not among those of d, and takes the others from there.
func (d decoded) again(files []source.File, options resource.Options) decoded {
	out := decoded{options: options, files: make([]decodedFile, 0, len(files)), index: make(map[string]int, len(files))}
	if !slices.Equal(d.options.Ignored, options.Ignored) {
		d = decoded{}
	}
	decoder := resource.NewDecoder(options)
	for i, f := range files {
		at, known := d.index[f.Path]
		if known && bytes.Equal(d.files[at].content, f.Content) {
			out.files = append(out.files, d.files[at])
		} else {
			documents, found := source.Parse([]source.File{f})
			secrets, documents := resource.Secrets(documents)
			out.files = append(out.files, decodedFile{path: f.Path, content: f.Content, objects: decoder.Objects(documents), secrets: secrets, diags: found})
		}
		out.index[f.Path] = i
	}
	return out
}

// join returns the resources of all files and what was found.
func (d decoded) join() ([]resource.Resource, diag.List) {
	objects := make([]resource.Object, 0, len(d.files))
	var diags diag.List
	for _, f := range d.files {
		objects = append(objects, f.objects...)
		diags = append(diags, f.diags...)
	}
	resources, found := resource.Unique(objects)
	return resources, append(diags, found...)
}

// refused returns the keys of the objects that their own errors leave out.
func (d decoded) refused() map[resource.Key]bool {
	out := map[resource.Key]bool{}
	for _, f := range d.files {
		for i := range f.objects {
			if key, refused := f.objects[i].Refused(); refused {
				out[key] = true
			}
		}
	}
	return out
}

// secrets returns the Secret manifests of all files.
func (d decoded) secrets() []*resource.Secret {
	var out []*resource.Secret
	for _, f := range d.files {
		out = append(out, f.secrets...)
	}
	return out
}
