package broker

// CutLines is [Cut] with another limit for lines.
var CutLines = cut
