package translate

import (
	"bytes"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// decodeCache is what files say, each by itself, in the order of the files. A file whose path
// and content are the same says the same again, so an edit costs the files that it touches.
type decodeCache struct {
	options resource.Options
	files   []*decodedFile
	// sorted says that the files are in the order of their paths.
	sorted bool
}

// decodedFile is what one file says. It is immutable, and the same in the next program where the file is.
type decodedFile struct {
	path    string
	content []byte
	objects []*resource.Object
	secrets []*resource.Secret
	diags   diag.List
	// skipped says that it was not looked at, errors how many errors it has.
	skipped bool
	errors  int
	// documents is how many it holds, whatever they are.
	documents int
}

// maxErrors bounds the errors of all files: after so many the rest of the files is not looked at.
const maxErrors = 10_000

// counted returns a file with the number of its errors.
func counted(f decodedFile) *decodedFile {
	f.errors = len(f.diags.Errors())
	for _, o := range f.objects {
		f.errors += o.Errors()
	}
	return &f
}

// again decodes the files that are not among those of d, and takes the others from there.
func (d decodeCache) again(files []source.File, options resource.Options) decodeCache {
	out := decodeCache{options: options, files: make([]*decodedFile, 0, len(files)), sorted: slices.IsSortedFunc(files, func(a, b source.File) int { return strings.Compare(a.Path, b.Path) })}
	if !d.options.Equal(options) {
		d = decodeCache{}
	}
	known := d.known()
	if out.sorted && d.sorted {
		known = d.knownInOrder()
	}
	errors := 0
	for part := range inPieces(files) {
		next := make([]*decodedFile, len(part))
		for i, f := range part {
			if k := known(f.Path); k != nil && !k.skipped && bytes.Equal(k.content, f.Content) {
				next[i] = k
			}
		}
		if errors <= maxErrors {
			decodeAll(part, next, options)
		}
		for i, f := range part {
			if errors > maxErrors {
				next[i] = skipped(f)
			}
			errors += next[i].errors
		}
		out.files = append(out.files, next...)
	}
	return out
}

// filesTogether and bytesTogether bound the files that are looked at before their errors are counted: of what is refused for
// those little more is looked at.
const (
	filesTogether = 256
	bytesTogether = 256 << 10
)

// inPieces cuts files into pieces that are looked at together, in their order.
func inPieces(files []source.File) iter.Seq[[]source.File] {
	return func(yield func([]source.File) bool) {
		for len(files) > 0 {
			n, size := 0, 0
			for n < len(files) && n < filesTogether && size < bytesTogether {
				size += len(files[n].Content)
				n++
			}
			if !yield(files[:n]) {
				return
			}
			files = files[n:]
		}
	}
}

// decodeAll reads those of the files that are not known, several at once. What each says depends on itself alone.
func decodeAll(files []source.File, out []*decodedFile, options resource.Options) {
	var unknown []int
	for i := range files {
		if out[i] == nil {
			unknown = append(unknown, i)
		}
	}
	var next atomic.Int64
	var done sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(unknown)) {
		done.Go(func() {
			decoder := resource.NewDecoder(options)
			for at := next.Add(1) - 1; at < int64(len(unknown)); at = next.Add(1) - 1 {
				i := unknown[at]
				out[i] = decoded(files[i], decoder, options)
			}
		})
	}
	done.Wait()
}

// known finds the files by path.
func (d decodeCache) known() func(path string) *decodedFile {
	byPath := sync.OnceValue(func() map[string]*decodedFile {
		out := make(map[string]*decodedFile, len(d.files))
		for _, f := range d.files {
			out[f.path] = f
		}
		return out
	})
	return func(path string) *decodedFile { return byPath()[path] }
}

// knownInOrder finds the files by path, which costs nothing where it is asked in the order of paths.
func (d decodeCache) knownInOrder() func(path string) *decodedFile {
	rest := d.files
	return func(path string) *decodedFile {
		for len(rest) > 0 && rest[0].path < path {
			rest = rest[1:]
		}
		if len(rest) == 0 || rest[0].path != path {
			return nil
		}
		return rest[0]
	}
}

// file returns a file by its path, or nil.
func (d decodeCache) file(path string) *decodedFile {
	i, found := 0, false
	if d.sorted {
		i, found = slices.BinarySearchFunc(d.files, path, func(f *decodedFile, path string) int { return strings.Compare(f.path, path) })
	} else {
		i = slices.IndexFunc(d.files, func(f *decodedFile) bool { return f.path == path })
		found = i >= 0
	}
	if !found {
		return nil
	}
	return d.files[i]
}

// decoded reads a file.
func decoded(f source.File, decoder *resource.Decoder, options resource.Options) *decodedFile {
	documents, found := source.Parse([]source.File{f})
	total := len(documents)
	var secrets []*resource.Secret
	if f.Path != options.GatewaysFile { // where one is an error as any other object
		secrets, documents = resource.Secrets(documents)
	}
	return counted(decodedFile{path: f.Path, content: f.Content, objects: decoder.Objects(documents), secrets: secrets, diags: found, documents: total})
}

// skipped is a file that is not looked at. What it holds is unknown, so that the error reaches
// every gateway.
func skipped(f source.File) *decodedFile {
	return &decodedFile{path: f.Path, content: f.Content, skipped: true, diags: diag.List{
		diag.New(diag.CodeLimit, diag.Position{File: f.Path}, "the files before it have more than %d errors; it was not read", maxErrors).
			WithHint("mend the errors before it"),
	}}
}

// join returns the resources of all files and what was found.
func (d decodeCache) join() ([]*resource.Resource, diag.List) {
	objects := make([]*resource.Object, 0, len(d.files))
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
		if f.errors == 0 {
			continue
		}
		for _, o := range f.objects {
			if key, refused := o.Refused(); refused {
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
