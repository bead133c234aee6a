package diag

import "slices"

// Code names a kind of finding. Codes are stable and never reused.
type Code string

// The codes. Each has a row in the table below.
const (
	CodeRead           Code = "PR0101"
	CodeYAML           Code = "PR0102"
	CodeEmptyFile      Code = "PR0103"
	CodeDuplicateKey   Code = "PR0104"
	CodeNotAnObject    Code = "PR0105"
	CodeUnknownKind    Code = "PR0201"
	CodeForeignKind    Code = "PR0202"
	CodeUnknownField   Code = "PR0203"
	CodeWrongType      Code = "PR0204"
	CodeMetadata       Code = "PR0205"
	CodeUnsupported    Code = "PR0206"
	CodeDuplicateName  Code = "PR0901"
	CodeUnknownGateway Code = "PR0902"
	CodeUnknownService Code = "PR0903"
)

// Info is what the documentation says of a code.
type Info struct {
	Code     Code
	Severity Severity
	// Summary says what is wrong, in one line.
	Summary string
	// Accepted says what would be accepted instead.
	Accepted string
}

// Codes returns the table of all codes, ordered by code.
func Codes() []Info {
	return []Info{
		{CodeRead, Error, "A file or directory could not be read.", "A readable file."},
		{CodeYAML, Error, "The text is not YAML.", "Well-formed YAML 1.2."},
		{CodeEmptyFile, Error, "The file holds no document.", "At least one object; to remove a policy, delete the file or the document."},
		{CodeDuplicateKey, Error, "A mapping has the same key twice.", "Each key once."},
		{CodeNotAnObject, Error, "The document is not an object with apiVersion, kind and metadata.name.", "A Kubernetes-style object."},
		{CodeUnknownKind, Error, "The API group is one of ours but the kind or version is not known.", "A supported kind and version."},
		{CodeForeignKind, Warning, "The object belongs to another API group and is ignored.", ""},
		{CodeUnknownField, Error, "The object has a field that its kind does not define.", "A field of that kind."},
		{CodeWrongType, Error, "A value does not have the type of its field.", "A value of the field's type."},
		{CodeMetadata, Error, "The object's metadata is not valid.", "A name and namespace that Kubernetes would accept."},
		{CodeUnsupported, Error, "The field is valid in Istio but is not translated yet.", "Leave the field out."},
		{CodeDuplicateName, Error, "Two documents define the same object.", "Each object once."},
		{CodeUnknownGateway, Warning, "A VirtualService names a Gateway that no document defines.", "The name of a Gateway, as name or namespace/name."},
		{CodeUnknownService, Warning, "A route leads to a host that no service defines; it answers 503.", "The host of a ServiceEntry."},
	}
}

// Severity returns the severity that the table gives the code; an unknown code is an Error.
func (c Code) Severity() Severity {
	table := Codes()
	i := slices.IndexFunc(table, func(i Info) bool { return i.Code == c })
	if i < 0 {
		return Error
	}
	return table[i].Severity
}
