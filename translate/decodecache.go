package translate

import (
	"bytes"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// decodeCache is what files say, each by itself, in the order of the files. A file whose path
// and content are the same says the same again, so an edit costs the files that it touches.
type decodeCache struct {
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
	// skipped says that it was not looked at, errors how many errors it has.
	skipped bool
	errors  int
}

// maxErrors bounds the errors of all files: after so many the rest of the files is not looked at.
const maxErrors = 10_000

// counted returns a file with the number of its errors.
func counted(f decodedFile) decodedFile {
	f.errors = len(f.diags.Errors())
	for i := range f.objects {
		f.errors += f.objects[i].Errors()
	}
	return f
}

// again decodes the files that are not among those of d, and takes the others from there.
func (d decodeCache) again(files []source.File, options resource.Options) decodeCache {
	out := decodeCache{options: options, files: make([]decodedFile, 0, len(files)), index: make(map[string]int, len(files))}
	if !d.options.Equal(options) {
		d = decodeCache{}
	}
	decoder := resource.NewDecoder(options)
	errors := 0
	for i, f := range files {
		at, known := d.index[f.Path]
		switch {
		case errors > maxErrors:
			out.files = append(out.files, skipped(f))
		case known && !d.files[at].skipped && bytes.Equal(d.files[at].content, f.Content):
			out.files = append(out.files, d.files[at])
		default:
			documents, found := source.Parse([]source.File{f})
			var secrets []*resource.Secret
			if f.Path != options.GatewaysFile { // where one is an error as any other object
				secrets, documents = resource.Secrets(documents)
			}
			out.files = append(out.files, counted(decodedFile{path: f.Path, content: f.Content, objects: decoder.Objects(documents), secrets: secrets, diags: found}))
		}
		errors += out.files[i].errors
		out.index[f.Path] = i
	}
	return out
}

// skipped is a file that is not looked at. What it holds is unknown, so that the error reaches
// every gateway.
func skipped(f source.File) decodedFile {
	return decodedFile{path: f.Path, content: f.Content, skipped: true, diags: diag.List{
		diag.New(diag.CodeLimit, diag.Position{File: f.Path}, "the files before it have more than %d errors; it was not read", maxErrors).
			WithHint("mend the errors before it"),
	}}
}

// join returns the resources of all files and what was found.
func (d decodeCache) join() ([]*resource.Resource, diag.List) {
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
func (d decodeCache) refused() map[resource.Key]bool {
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
func (d decodeCache) secrets() []*resource.Secret {
	var out []*resource.Secret
	for _, f := range d.files {
		out = append(out, f.secrets...)
	}
	return out
}
