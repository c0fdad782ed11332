// The ground from straight above: what the geometry pass would say of it, before the details that distance hides.
in vec3 world;
in vec3 color;
flat in vec4 ids;
flat in int material;
layout(location = 0) out vec4 out_albedo;
layout(location = 1) out vec2 out_relief;

void main() {
    out_albedo = vec4(color, float(material) / 255.0);
    out_relief = vec2(world.z, ids.x * 255.0);
}
