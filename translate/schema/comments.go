package schema

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// The lines of a .proto file that open a block, or define a field or a value of an enum.
var (
	opening    = regexp.MustCompile(`^(message|enum) (\w+) \{$`)
	choice     = regexp.MustCompile(`^(\w+) = \d+;$`)
	definition = regexp.MustCompile(`^(?:repeated |optional )?[\w.<>, ]+ (\w+) = \d+`)
)

// addComments adds what the comments in .proto files of ours say, which are written as gofmt would like them: a
// comment stands above what it is about, and each brace at the end of a line. A comment that ends with
// "Required." makes its field required.
func (w *words) addComments(files fs.FS) error {
	names, err := fs.Glob(files, "*.proto")
	if err != nil {
		return fmt.Errorf("list definitions: %w", err)
	}
	for _, name := range names {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		c := comments{words: w}
		for line := range strings.Lines(string(content)) {
			c.line(strings.TrimSpace(line))
		}
	}
	return nil
}

// comments reads one file.
type comments struct {
	words *words
	// at are the names of the blocks that are open.
	at []string
	// about is the comment that has been read last.
	about []string
}

func (c *comments) line(line string) {
	comment, isComment := strings.CutPrefix(line, "// ")
	if isComment {
		c.about = append(c.about, comment)
		return
	}
	about := strings.Join(c.about, " ")
	c.about = nil
	switch open := opening.FindStringSubmatch(line); {
	case open != nil:
		c.at = append(c.at, open[2])
		if open[1] == "message" {
			m := c.words.Messages[c.message()]
			m.About = about
			c.words.Messages[c.message()] = m
		}
	case line == "}" && len(c.at) > 0:
		c.at = c.at[:len(c.at)-1]
	case choice.MatchString(line):
		c.words.Choices[c.message()+"."+choice.FindStringSubmatch(line)[1]] = strings.TrimSuffix(about, ".")
	case definition.MatchString(line) && about != "":
		c.field(definition.FindStringSubmatch(line)[1], about)
	}
}

func (c *comments) message() string { return "portreeve.v1alpha1." + strings.Join(c.at, ".") }

// field adds what is said of a field.
func (c *comments) field(name, about string) {
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(c.message()))
	message, ok := found.(protoreflect.MessageDescriptor)
	if err != nil || !ok {
		return
	}
	m := c.words.Messages[c.message()]
	if m.Fields == nil {
		m.Fields = map[string]aboutField{}
	}
	key := message.Fields().ByName(protoreflect.Name(name)).JSONName()
	f := m.Fields[key]
	f.About, f.Required = strings.CutSuffix(about, " Required.")
	m.Fields[key] = f
	c.words.Messages[c.message()] = m
}
