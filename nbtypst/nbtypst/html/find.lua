-- Turns Markdown with HTML in it into HTML:
--   pandoc lua markdown.lua < request.json > results.json
--
-- A piece of the request has `text` and `format` (a Pandoc reader), or is `endless`. Its result
-- has its `html`, if there is HTML in it, and `problems`, what is not as it was meant.

local request = pandoc.json.decode(io.read("a"))
local no_files = {} -- are open to Pandoc's readers, whatever a notebook says

local function convert(piece)
  local has_html, problems = false, pandoc.List()
  local function look(element)
    has_html = true
    local comment = element.text:match("^.*<!%-%-(.*)$")
    if not comment or comment:find("-->", 1, true) then return end
    problems:insert("a comment has no end: <!--" .. comment)
    element.text = element.text .. "-->" -- or it would hide all that follows
    return element
  end
  local document = pandoc.read(piece.text, piece.format, nil, no_files)
  document = document:walk { RawBlock = look, RawInline = look }
  return { html = has_html and pandoc.write(document, "html"), problems = problems }
end

local results = pandoc.List()
for _, piece in ipairs(request.pieces) do
  local well, result = false, nil
  if not piece.endless then well, result = pcall(convert, piece) end
  results:insert(well and result or { html = false, problems = pandoc.List() })
end
io.write(pandoc.json.encode { pieces = results })
